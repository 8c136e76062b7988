"""The HTTP interfaces: member data, OAuth and control."""
