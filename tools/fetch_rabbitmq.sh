#!/bin/sh
# RabbitMQ from Debian's packages, unpacked into a folder: nothing is installed, nothing started.
# The tests of the transport use it where it is, and say that they are skipped where it is not.
set -eu
folder=${1:?usage: tools/fetch_rabbitmq.sh FOLDER}
[ -d "$folder/usr/lib/rabbitmq" ] && exit 0
debs=$(mktemp -d)
trap 'rm -rf "$debs"' EXIT
erlang="base asn1 crypto eldap inets mnesia os-mon parsetools public-key runtime-tools ssl syntax-tools tools xmerl"
(cd "$debs" && apt-get download -qq rabbitmq-server $(for part in $erlang; do echo "erlang-$part"; done))
mkdir -p "$folder"
for deb in "$debs"/*.deb; do dpkg-deb -x "$deb" "$folder"; done
# Debian's launcher of Erlang knows one place only.
sed -i "s#ROOTDIR=/usr/lib/erlang#ROOTDIR=$(cd "$folder" && pwd)/usr/lib/erlang#" "$folder/usr/lib/erlang/bin/erl"
