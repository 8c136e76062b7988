#!/bin/sh
# Reads secrets from files: for each variable NAME_FILE, sets NAME to the content of that file. Then runs the command.
set -eu

for name in PGPASSWORD DAGSTER_POSTGRES_PASSWORD DAGSTER_CELERY_BROKER_URL \
  WHOOP_CLIENT_SECRET WHOOP_TOKEN_KEY WHOOP_DATABASE_URL WHOOP_ALERT_URL WHOOP_ALERT_SMTP_URL \
  NOTION_TOKEN; do
  eval "file=\${${name}_FILE:-}"
  if [ -z "$file" ]; then
    continue
  fi
  eval "value=\${${name}:-}"
  if [ -n "$value" ]; then
    echo "Both $name and ${name}_FILE are set: leave one of them out." >&2
    exit 64
  fi
  if [ ! -r "$file" ]; then
    echo "${name}_FILE names $file, which cannot be read by user $(id -u): make the file, or let this user read it." >&2
    exit 66
  fi
  export "$name=$(cat "$file")"
done

exec "$@"
