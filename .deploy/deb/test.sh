#!/bin/sh
# test.sh PACKAGE: installs the package into a clean Debian root, serves from it as its own user, signs in, and asks the doctor.
set -eu
package=$1
root=$(mktemp -d)
chmod 755 "$root" # the server runs as a user of its own
server=
clean() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait 2>/dev/null || true
    umount "$root/proc" 2>/dev/null || true
    rm -rf "$root"
}
trap clean EXIT
debootstrap --variant=minbase bookworm "$root" >/dev/null
cp "$package" "$root/gridwall.deb"
cp /etc/resolv.conf "$root/etc/resolv.conf"
[ ! -f /etc/apt/apt.conf ] || cp /etc/apt/apt.conf "$root/etc/apt/"
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
mount -t proc proc "$root/proc"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
chroot "$root" apt-get update -qq
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -qq --no-install-recommends /gridwall.deb >/dev/null
said=$(chroot "$root" gridwall version)
echo "$said"
version=$(dpkg-deb --field "$package" Version)
case $said in
"gridwall $version, revision "[0-9a-f]*) ;;
*) echo "the package is $version, and its binary says something else"; exit 1 ;;
esac
[ -s "$root/usr/share/doc/gridwall/sbom-server.cdx.json" ]
as="chroot --userspec=gridwall:gridwall $root env HOME=/var/lib/gridwall GRIDWALL_DATA_DIR=/var/lib/gridwall GRIDWALL_ADDR=127.0.0.1:18080"
$as gridwall serve >"$root/serve.txt" 2>&1 &
server=$!
for _ in $(seq 120); do
    if grep -q 'password for the first sign-in' "$root/serve.txt"; then break; fi
    sleep 1
done
password=$(sed -n 's/.*password for the first sign-in.*: //p' "$root/serve.txt")
[ -n "$password" ] || { cat "$root/serve.txt"; exit 1; }
curl -sf http://127.0.0.1:18080/healthz
curl -sf --retry 20 --retry-delay 1 http://127.0.0.1:18080/readyz
curl -sf -o /dev/null http://127.0.0.1:18080/login
curl -sf -o /dev/null -H 'Content-Type: application/json' -d "{\"username\":\"admin\",\"password\":\"$password\"}" http://127.0.0.1:18080/api/v1/session
echo "the first administrator signed in"
$as gridwall doctor || [ $? -eq 1 ]
