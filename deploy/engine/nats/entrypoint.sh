#!/bin/sh
# As in the official image: arguments alone are the server's arguments.
[ "$1" = nats-server ] && shift
exec nats-server "$@"
