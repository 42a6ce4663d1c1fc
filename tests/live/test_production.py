"""`local up` runs a production environment: Redis with TLS and a token, nginx with TLS before Django, a frontend, two hosts."""

from __future__ import annotations

import re
import ssl
from collections.abc import Generator

import pytest

from tests.live.shop import Shop, missing, running, until

WHY = missing("nginx", "openssl")
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))

# nginx as in docs/production-environments.md, with a certificate that it signs itself when it starts.
CONFIG = r"""
    hosts: [api.example.com]
    proxy: nginx
    target_protocol: HTTPS
    sidecars:
      nginx:
        image: nginx:1.29
        port: 8443
        env: {UPSTREAM: "localhost:8000"}
        command:
          - sh
          - -c
          - |
            set -eu
            cd /tmp/
            openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=nginx -keyout tls.key -out tls.crt 2> /dev/null
            cat > nginx.conf << END
            error_log stderr notice;
            pid nginx.pid;
            events {}
            http {
              access_log off;
              client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path a; uwsgi_temp_path b; scgi_temp_path c;
              server {
                listen 0.0.0.0:8443 ssl;
                ssl_certificate $PWD/tls.crt;
                ssl_certificate_key $PWD/tls.key;
                client_max_body_size 0;
                location / {
                  proxy_pass http://$UPSTREAM;
                  proxy_set_header Host \$http_host;
                  proxy_set_header X-Forwarded-Proto \$http_x_forwarded_proto;
                  add_header X-Proxy nginx;
                }
              }
            }
            END
            exec nginx -e stderr -p $PWD -c $PWD/nginx.conf -g 'daemon off;'
  shop-app:frontend_image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/shop-frontend:1.0.0
  shop-app:workers: {default: {}, mails: {}}
"""
FRONTEND = "web-ui=python -m http.server --bind 0.0.0.0 --directory examples 3000"


@pytest.fixture(scope="module")
def shop() -> Generator[Shop]:
    with running("live", config=CONFIG, words=["--command", FRONTEND]) as shop:
        yield shop


API = "api.localhost"


def test_requests_reach_django_through_nginx_with_tls(shop: Shop) -> None:
    answer = shop.get("/", host=API)
    assert (answer.status_code, answer.headers.get("X-Proxy")) == (200, "nginx")
    picture = ("tea.txt", b"picture" * 50_000)
    added = shop.post("/products/", {"name": "Tea", "price_cents": "300"}, {"picture": picture}, API)
    assert added.status_code == 302
    assert shop.get("/products/1/picture/", host=API).content == picture[1]
