"""Web pages for members and operators: sign-in, a member's own page, the team's morning."""
