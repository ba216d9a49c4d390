"""What the commands in this folder share: processes, configs of the peers and of the gate, load, report."""
