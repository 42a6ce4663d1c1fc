"""What an AWS account needs once, before bases and environments: image repositories, the pipeline's role, state, mail."""
