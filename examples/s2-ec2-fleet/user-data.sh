#!/bin/sh
# A page that shows which instance answered. The metadata service requires a token.
set -eu
dnf install --assumeyes httpd
metadata=http://169.254.169.254/latest
token=$(curl --fail --silent --request PUT --header "X-aws-ec2-metadata-token-ttl-seconds: 3600" $metadata/api/token)
get() { curl --fail --silent --header "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/$1"; }
cat > /var/www/html/index.html << PAGE
<!doctype html>
<title>Fleet</title>
<dl>
<dt>Instance<dd>$(get instance-id)
<dt>Zone<dd>$(get placement/availability-zone)
<dt>Host name<dd>$(get local-hostname)
<dt>Address<dd>$(get local-ipv4)
</dl>
PAGE
systemctl enable --now httpd
