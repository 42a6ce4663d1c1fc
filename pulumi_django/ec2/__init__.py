"""EC2 instances: a bastion, a fleet behind the load balancer, a host for docker compose."""
