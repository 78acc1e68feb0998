SELECT type, events FROM total
