"""What ``cnnviz measure`` measures, one file each: a function from a network and the arguments to a report."""
