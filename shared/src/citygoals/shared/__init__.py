"""What every City Goals service uses: events, figures, bus, database, telemetry."""
