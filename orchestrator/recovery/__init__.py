"""What is done after a crash: creates that were in flight are adopted, tagged resources that no stack knows are found."""
