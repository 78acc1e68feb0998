SELECT lane, next_seq FROM lane
