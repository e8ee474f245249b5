"""What ``cnnviz bench`` measures, one benchmark a file: the window's speed, beside bare loops in the same run."""
