#!/bin/sh
# Captures SNMP messages of net-snmp: v1.pcap, v2c.pcap and v3.pcap in the folder $1.
#
# As root, with snmpget and its kin, snmpd, snmptrapd (Debian: snmp, snmpd, snmptrapd), tcpdump and ip. Everything runs in a
# network namespace of its own, on its loopback interface, and ends with it.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
if [ "${2:-}" != inside ]; then
	exec unshare --net --mount --fork --pid --kill-child --mount-proc "$0" "$out" inside
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SNMP_PERSISTENT_DIR="$work/state" SNMPCONFPATH="$work" MIBS=
mkdir "$work/state"
users='createUser nobody
createUser signer SHA-256 "a password of it" AES "another of it"
createUser admin SHA-512 "a password of it" AES "another of it"'
cat >"$work/snmpd.conf" <<-CONF
	agentAddress udp:127.0.0.1:161
	rwcommunity public
	rocommunity read-only
	$users
	rwuser nobody noauth
	rwuser signer auth
	rwuser admin priv
	sysContact nobody
CONF
cat >"$work/snmptrapd.conf" <<-CONF
	snmpTrapdAddr udp:127.0.0.1:162
	disableAuthorization yes
	$users
CONF
ip link set lo up
snmpd -f -Lf "$work/snmpd.log" -C -c "$work/snmpd.conf" -p "$work/snmpd.pid" &
snmptrapd -f -n -Lf "$work/snmptrapd.log" -C -c "$work/snmptrapd.conf" -p "$work/snmptrapd.pid" &
for _ in $(seq 100); do
	snmpget -v2c -c public -t 0.2 -r 0 127.0.0.1 .1.3.6.1.2.1.1.3.0 >/dev/null 2>&1 && [ -s "$work/snmptrapd.pid" ] && break
	sleep 0.1
done

system=.1.3.6.1.2.1.1
contact=$system.4.0
notification=.1.3.6.1.6.3.1.1.5.3
# What is refused or stays without an answer is as welcome as the rest.
ask() { timeout 5 "$@" >/dev/null 2>&1 || true; }

# Everything that a version can say, with the options of the version and of its user.
say() {
	ask snmpget "$@" 127.0.0.1 $system.1.0 $system.3.0
	ask snmpgetnext "$@" 127.0.0.1 $system
	ask snmpset "$@" 127.0.0.1 $contact s somebody
	case $1 in
	-v1)
		ask snmptrap "$@" 127.0.0.1 .1.3.6.1.4.1.8072 127.0.0.1 2 0 55 .1.3.6.1.2.1.2.2.1.1.1 i 1
		;;
	*)
		ask snmpbulkget -Cn0 -Cr10 "$@" 127.0.0.1 $system
		ask snmptrap "$@" 127.0.0.1 55 $notification .1.3.6.1.2.1.2.2.1.1.1 i 1
		ask snmpinform "$@" 127.0.0.1 55 $notification .1.3.6.1.2.1.2.2.1.1.1 i 1
		;;
	esac
}

# Captures what the function `$1` says, as the file of its name.
capture() {
	tcpdump -i lo -s 0 -U --immediate-mode -w "$out/$1.pcap" udp port 161 or udp port 162 2>"$work/$1.log" &
	dump=$!
	until grep -qs listening "$work/$1.log"; do sleep 0.05; done
	"$1"
	sleep 0.2
	kill -INT $dump
	wait $dump || true
}

v1() {
	say -v1 -c public -t 0.3 -r 0
	ask snmpget -v1 -c read-only 127.0.0.1 $system.1.0
	ask snmpset -v1 -c read-only -t 0.3 -r 0 127.0.0.1 $contact s nobody
	ask snmpget -v1 -c '' -t 0.2 -r 0 127.0.0.1 $system.1.0
}
v2c() {
	say -v2c -c public -t 0.3 -r 0
	ask snmpget -v2c -c 'with a space, and more than that' -t 0.2 -r 0 127.0.0.1 $system.1.0
	ask snmpbulkget -v2c -Cn0 -Cr20 -c read-only 127.0.0.1 .1.3.6.1.2.1
}
v3() {
	say -v3 -t 0.3 -r 0 -u nobody -l noAuthNoPriv
	say -v3 -t 0.3 -r 0 -u signer -l authNoPriv -a SHA-256 -A 'a password of it'
	say -v3 -t 0.3 -r 0 -u admin -l authPriv -a SHA-512 -A 'a password of it' -x AES -X 'another of it'
	ask snmpget -v3 -u nobody -l noAuthNoPriv -n billing -t 0.3 -r 0 127.0.0.1 $system.1.0
	ask snmpget -v3 -u stranger -l noAuthNoPriv -t 0.3 -r 0 127.0.0.1 $system.1.0
	ask snmpget -v3 -u signer -l authNoPriv -a SHA-256 -A 'the wrong password' -t 0.3 -r 0 127.0.0.1 $system.1.0
}
capture v1
capture v2c
capture v3
kill "$(cat "$work/snmpd.pid")" "$(cat "$work/snmptrapd.pid")"
wait
