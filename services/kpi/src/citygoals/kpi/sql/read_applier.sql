SELECT epoch, position, recorded_at, tick, events_total FROM applier
