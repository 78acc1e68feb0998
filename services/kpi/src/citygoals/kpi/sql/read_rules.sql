SELECT rules FROM applier
