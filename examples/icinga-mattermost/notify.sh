#!/bin/sh
# A notification command of Icinga 2: posts what Icinga put into the environment. Needs jq and curl.
jq -n '{notification_type: env.NOTIFICATIONTYPE, state_type: env.STATETYPE, attempt: env.ATTEMPT,
        host: {name: env.HOSTNAME, address: env.HOSTADDRESS, state: env.HOSTSTATE, output: env.HOSTOUTPUT},
        service: (if (env.SERVICENAME // "") == "" then null else
          {name: env.SERVICENAME, state: env.SERVICESTATE, output: env.SERVICEOUTPUT} end),
        author: env.AUTHOR, comment: env.COMMENT} | del(.. | nulls)' |
  curl --silent --show-error --fail --retry 5 --user "icinga:$ICINGA_PASSWORD" --json @- "$BRIDGE/hooks/icinga"
