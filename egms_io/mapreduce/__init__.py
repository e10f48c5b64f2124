"""From bursts to blocks: bursts are summed by cell one by one, blocks solved one by one."""
