"""Django on EC2 instances: a group behind the load balancer, and a single host with docker compose."""
