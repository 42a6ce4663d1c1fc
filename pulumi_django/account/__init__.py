"""Resources that an AWS account needs once, before bases and environments: image repositories, pipeline roles, state, mail."""
