"""All texts of the web pages, in one file for translation. Texts with {} are formats.

Cards, charts and tables of days have their texts in `whoop_assets.report`.
"""

SITE = "WHOOP data"
FOOTER = "This page contains personal health data. It sends nothing to anyone."
SKIP = "Skip to the content"
SIGN_OUT = "Sign out"
MY_PAGE = "My page"
TEAM = "Team"
MEMBER = "Member {}"

# Sign-in
WELCOME = "See your WHOOP data"
WELCOME_TEXT = (
    "Sign in with your WHOOP account. WHOOP asks you which data this service may read. Your "
    "password stays at WHOOP."
)
SIGN_IN = "Sign in with WHOOP"
WELCOME_NEW = "Are you new here? Ask the person who runs this service for an invitation."
LINK_TITLE = "Sign in once"
LINK_TEXT = "This link signs you in on this device for 30 days. It works once."
LINK_BUTTON = "Sign in"
START_AGAIN = "Back to the start"
TO_MY_PAGE = "Open my page"

# Outcomes and errors
NOT_FOUND = "There is nothing here."
TRY_LATER = "This does not work at the moment: try again in a few minutes."
FAILED = "This page cannot be shown because of an error of this service: tell the person who runs it."
LINK_ENDED = "This link is no longer valid: ask the person who sent it for a new one."
NO_ATTEMPT = (
    "This page waits for WHOOP's answer: start from the sign-in page or from your link, in this browser."
)
ATTEMPT_ENDED = "This attempt has ended: it was finished before, or it took too long."
UNKNOWN_MEMBER = (
    "You are not a member here: ask the person who runs this service for an invitation. Nothing was stored."
)
OTHER_MEMBER = (
    "You agreed with the WHOOP account of another member than the one signed in here: sign out "
    "first, or agree with your own account. Nothing was changed."
)
CONNECTED_NOW = "Member {} is connected. You can close this page."
SCOPES_LEFT_OUT = "You did not grant all permissions that this service needs. Nothing was stored."
START_ONCE_MORE = "{} Start again from the sign-in page or from your link."
SIGN_IN_AGAIN = "Your session has ended: sign in again."
FORM_EXPIRED = (
    "This form is not valid in this session: go back, reload the page and try again. Nothing was done."
)
DONE_BEFORE = "This form was submitted before: open your page to see the result. Nothing was done again."
TOO_OFTEN = "That was too often: try again in {} s. Nothing was done."
DISCONNECTED_NOW = "You are disconnected. Your data is kept, and nothing new is read."
DISCONNECTED_BUT = (
    "You are disconnected here. WHOOP could not confirm it: also remove this app in the WHOOP app, "
    "under data sharing."
)
ERASED_NOW = "Your data is deleted, and you are signed out."
ERASED_NOT_ALL = (
    "Your data in the database is deleted. Some copies could not be reached: the person who "
    "runs this service finds them in the log and deletes them."
)
ERASE_NOT_TYPED = "To delete your data, type the word {}. Nothing was done."
CANNOT_READ = "You are not connected to WHOOP: reconnect first. Nothing was done."

# Member page
TODAY = "Today"
NEWEST_DAY = "The newest day, {}"
NO_DATA_TITLE = "No data yet"
NO_DATA = "Your first days appear here within a few minutes after you are connected."
CHARTS = "Charts"
WEEKS = "Weeks"
DAYS = "Days"
GAPS = "Missing values, and why"
MEANINGS = "What the numbers mean"

CONNECTION = "Connection to WHOOP"
STATUS_CONNECTED = "Connected"
STATUS_IMPORTING = "Importing"
STATUS_RECONNECT = "Reconnection needed"
STATUS_DISCONNECTED = "Disconnected"
STATUS_EXPORT = "Not connected"
EXPLAIN_CONNECTED = "New values arrive by themselves."
EXPLAIN_IMPORTING = "{percent} % of your history is read, back to {back_to}. About {left} left."
EXPLAIN_IMPORTING_FIRST = "Your history is being read, newest days first."
EXPLAIN_RECONNECT = "WHOOP no longer accepts this connection. Your data is kept. Reconnect to get new values."
EXPLAIN_DISCONNECTED = "Nothing new is read. Your data is kept. Reconnect to get new values."
EXPLAIN_EXPORT = "Your data comes from an export of the WHOOP app."
LAST_READ = "Last read from WHOOP"
LAST_WEBHOOK = "Last message from WHOOP"
NEVER = "never"
SCOPES = "Permissions"
ALL_SCOPES = "All permissions are granted."
MISSING_SCOPE = "Not granted: {}."

READ_NOW = "Read now"
READ_NOW_TEXT = "Reads your last days again."
READ_WAITING = "Requested at {asked}. Due at {due}."
READ_QUEUED = "Requested at {asked}. The next free reading takes it."
READ_DONE = "Requested at {asked}, done at {done}."
FORCE_SYNC = "Read six months again"
FORCE_SYNC_TEXT = "Reads all records of the last six months again. This can take an hour."
FORCE_RUNNING = "Requested at {asked}: {percent} % done."
FORCE_DONE = "Requested at {asked}: finished."
RELOAD = "Reload"
RECONNECT = "Reconnect"
RECONNECT_TEXT = "Opens WHOOP's page, where you give your permission again."
DOWNLOAD = "Download my data"
DOWNLOAD_TEXT = "One zip file with a CSV file for each table."
DISCONNECT = "Disconnect"
DISCONNECT_TEXT = "Ends the permission at WHOOP and signs you out everywhere. Your data is kept."
DISCONNECT_CONFIRM = "Yes, disconnect me"
ERASE = "Delete my data"
ERASE_TEXT = (
    "Disconnects you and deletes everything that is stored about you, also in reports, logs and "
    "copies. It cannot be undone. Download your data first if you want to keep it."
)
ERASE_WORD = "DELETE"
ERASE_LABEL = "Type {} to confirm"
YOUR_DATA = "Your data and your account"
SESSIONS = "Signed-in devices"
SESSION_SINCE = "Signed in {made}, until {expires}"
THIS_DEVICE = "this device"
END_SESSION = "End"
END_SESSION_LABEL = "End the session from {}"

# Team
TEAM_TITLE = "The team this morning"
TEAM_LEAD = "Members: {}. Members who need attention come first."
TEAM_EMPTY = "No member is connected yet. Make an invitation below."
TEAM_COLUMNS = (
    "Member",
    "Attention",
    "Recovery",
    "HRV, ms",
    "Resting HR",
    "Sleep / need",
    "Strain yesterday",
    "Load ratio",
    "Connection",
    "Data age",
)
TEAM_CAPTION = "The newest values of each member"
TEAM_HINT = (
    "Usual: about two of three of the member's days in the 28 days before. Load: minutes in heart rate "
    "zone 1, plus twice the minutes in zone 2, up to five times those in zone 5. Load ratio: average load"
    " of the last 7 days / that of the 21 days before. It shows a change and predicts no injury; above {}"
    " it is listed, which is this project's rule of thumb. “Differs from usual” is no diagnosis: often "
    "alcohol, a hard day, heat, illness or the menstrual cycle."
)
ILLNESS = "differs from usual"
RED_RECOVERY = "low recovery"
HRV_LOW = "HRV low"
RHR_HIGH = "resting HR high"
SHORT_SLEEP = "short sleep"
HIGH_LOAD = "load ratio high"
NO_DATA_TODAY = "no value today"
USUAL = "usual {}"
DAYS_OLD = "{} d"
HOURS_OLD = "{} h"
INVITE_TITLE = "Invite a member"
INVITE_TEXT = "Makes a link that connects one new member within 72 hours."
INVITE = "Make an invitation"
INVITE_MADE = "Send this link to the new member. It is shown only once."
MEMBER_OF_TEAM = "You see this page as an operator. Only the member can change anything."
