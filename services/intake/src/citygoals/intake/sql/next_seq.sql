SELECT next_seq FROM lane WHERE lane = $1
