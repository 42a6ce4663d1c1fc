"""`local up` runs a production environment: Redis with TLS and a token, nginx with TLS before Django, a frontend, two hosts."""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest

from tests.live.shop import HERE, Shop, missing, running
from tests.support.waiting import until

WHY = missing("nginx", "openssl")
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))

# nginx as in docs/production-environments.md, with a certificate that it signs itself when it starts.
CONFIG = r"""
    hosts: [api.example.com]
    proxy: nginx
    target_protocol: HTTPS
    mounts: {media: {path: /app/media}}
    sidecars:
      nginx:
        image: nginx:1.29
        port: 8443
        mounts: {media: {path: /srv/files, read_only: true}}
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
                location /files/ { alias /srv/files/; }
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
  shop-app:release: {extensions: [pg_trgm, dblink]}
  shop-app:volumes: {media: {}}
  shop-app:beat: {mounts: {media: {path: /app/media}}}
  shop-app:extra_env: {MEDIA_FOLDER: /app/media}
"""
FRONTEND = f"web-ui=python -m http.server --bind 0.0.0.0 --directory {HERE}/apps/site 3000"


API = "api.localhost"


@pytest.fixture(scope="module")
def shop() -> Generator[Shop]:
    with running("live", config=CONFIG, words=["--command", FRONTEND]) as shop:
        yield shop


def test_every_container_of_the_environment_runs(shop: Shop) -> None:
    status = {name: each["status"] for name, each in shop.ps().items()}
    workers = {"beat": "running", "default": "running", "mails": "running"}
    served = {"gunicorn": "running", "nginx": "healthy", "web-ui": "healthy", "channels": "healthy"}
    assert status == {**served, **workers}


def test_requests_reach_django_through_nginx_with_tls(shop: Shop) -> None:
    answer = shop.get("/", host=API)
    assert (answer.status_code, answer.headers.get("X-Proxy")) == (200, "nginx")
    picture = ("tea.txt", b"picture" * 50_000)
    added = shop.post("/products/", {"name": "Tea", "price_cents": "300"}, {"picture": picture}, API)
    assert added.status_code == 302
    assert shop.get("/products/1/picture/", host=API).content == picture[1]
    keys = shop.python(
        "import os, boto3; found = boto3.client('s3').list_objects_v2(Bucket=os.environ['S3_BUCKET_NAME'])['Contents']; "
        "print(*(each['Key'] for each in found))"
    )
    assert keys == "live/media/products/tea.txt", "environments share the bucket of their base"


def test_nginx_and_beat_have_the_files_of_a_volume_that_django_writes(shop: Shop) -> None:
    shop.python("import os; open(os.environ['MEDIA_FOLDER'] + '/menu.txt', 'w').write('tea')")
    assert shop.get("/files/menu.txt", host=API).text == "tea"
    ran = shop.command("local", "run", "live", "--service", "beat", "--", "sh", "-c", "cat $MEDIA_FOLDER/menu.txt")
    assert ran.stdout == "tea"


def test_each_host_reaches_its_own_service(shop: Shop) -> None:
    assert "<title>Frontend</title>" in shop.get("/").text
    assert "<title>Shop</title>" in shop.get("/", host=API).text
    assert shop.get("/", host="beta.localhost").status_code == 404
    ran = shop.command("local", "run", "live", "--service", "web-ui", "--", "sh", "-c", "echo $NUXT_PUBLIC_API_BASE")
    assert ran.stdout == f"http://{API}:{shop.port}\n"


def test_workers_do_tasks_with_and_without_the_name_of_a_queue(shop: Shop) -> None:
    shop.get("/", host=API)
    placed = shop.post("/products/1/orders/", {}, host=API)
    until(lambda: shop.get(placed.headers["Location"], host=API).json()["packed_at"])
    shop.python("from waiting.tasks import note; note.apply_async(('named',), queue='mails')")
    until((shop.folder / "named").exists)
    until(lambda: "mails" in [line.split("|")[0].strip() for line in shop.said.splitlines() if "tasks.note" in line])


def test_beat_starts_the_scheduled_task(shop: Shop) -> None:
    until(lambda: shop.get("/reports/", host=API).json()["reports"])


def test_redis_accepts_only_tls_and_its_token(shop: Shop) -> None:
    shop.get("/", host=API)
    head = "import os, redis; url = os.environ['REDIS_URL']; token = url.split('@')[0].split(':')[-1]"
    found = shop.python(f"{head}; print(url.replace(token, ''), redis.Redis.from_url(url).keys('*visits'))")
    assert re.fullmatch(r"rediss://:@[\d.]+:\d+/0\?ssl_cert_reqs=required \[b'live::1:visits'\]", found)
    for changed, error in (
        ("url.replace('rediss', 'redis').partition('?')[0]", "ConnectionError"),
        ("url.replace(token, 'wrong')", "AuthenticationError"),
        ("url.replace(f':{token}@', '')", "AuthenticationError"),
    ):
        refused = shop.tried(f"{head}; redis.Redis.from_url({changed}).ping()")
        assert refused.returncode == 1
        assert f"redis.exceptions.{error}: " in refused.stderr


def test_the_application_speaks_tls_to_its_database_in_a_role_of_its_own(shop: Shop) -> None:
    found = shop.python(
        "from django.db import connection as c; x = c.cursor(); "
        "x.execute('SELECT ssl, current_user, rolsuper, rolcreatedb, rolcreaterole FROM pg_stat_ssl, pg_roles "
        "WHERE pid = pg_backend_pid() AND rolname = current_user'); print(x.fetchone())"
    )
    assert found == "(True, 'live-db', False, False, False)"
    found = shop.python(
        "from django.db import connection as c; x = c.cursor(); x.execute('SELECT extname FROM pg_extension ORDER BY 1'); "
        "print(*(name for name, in x.fetchall()))"
    )
    assert found == "dblink pg_trgm plpgsql", "as on RDS, the master role creates extensions that need a superuser"
    refused = shop.tried(
        "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL'].replace('sslmode=require', 'sslmode=disable'))"
    )
    assert "no encryption" in refused.stderr
