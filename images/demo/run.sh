#!/usr/bin/env bash
# The VM image between two hosts: a firewall in a virtual machine, real ping, iperf3 and a telnet attempt through it, live
# rates, a rule changed while packets flow, and a verdict.
#
#   run.sh [--announce] [--for TIME]     TIME: 10s, 2m; without it, until Ctrl-C
set -u
cd "$(dirname "$0")/../.."

seconds=0
announce=no
while [ $# -gt 0 ]; do
    case $1 in
    --announce) announce=yes ;;
    --for)
        shift
        case ${1:-} in
        *m | *min) n=${1%%m*}; seconds=$((n * 60)) ;;
        *[0-9]s) seconds=${1%s} ;;
        *[0-9]) seconds=$1 ;;
        esac
        case $seconds in 0 | *[!0-9]*) echo "--for ${1:-}: give a time such as 20s or 2m" >&2; exit 2 ;; esac
        ;;
    *) echo "unknown argument $1: give --for TIME or nothing" >&2; exit 2 ;;
    esac
    shift
done

if [ $announce = yes ]; then
    cat <<TEXT
Sluice as a virtual machine, between two hosts. This will
  - install QEMU, what builds a kernel, iproute2, iperf3 and curl if they are missing (Debian or Ubuntu, as root or by sudo),
  - build the image: a kernel from Debian's sources (once, some six minutes on two cores, 2 GB of disk meanwhile; kept in
    \${XDG_CACHE_HOME:-~/.cache}/sluice) and Sluice without shared libraries (minutes the first time),
  - make network namespaces for host a, the machine and host b, with nothing of this machine in them,
  - boot the image under QEMU, by KVM where that works and else by emulation, and say which, with the function firewall,
  - send ping, iperf3 and a telnet attempt through it$([ "$seconds" -gt 0 ] && echo ", for about $seconds s" || echo ", until Ctrl-C"),
  - switch the machine off and take the namespaces away. No route, rule or setting of this machine is changed.
TEXT
    exit 0
fi

if [ "$(id -u)" != 0 ]; then
    echo "network namespaces need root; asking sudo"
    if [ "$seconds" -gt 0 ]; then exec sudo -E "$0" --for "${seconds}s"; else exec sudo -E "$0"; fi
fi

a=sluice-a-$$ b=sluice-b-$$ r=sluice-vm-$$
work=$(mktemp -d)
pids=()
cleanup() {
    trap '' INT TERM
    for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null; done
    wait 2>/dev/null
    for n in $a $b $r; do ip netns del "$n" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'echo; echo "stopping"; stop=yes' INT TERM
stop=no

in_ns() { ip netns exec "$@"; }
say() { printf '\n== %s\n' "$*"; }

token=sluice_$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
mkdir -p "$work/seed/sluice"
cat > "$work/seed/meta-data" <<TEXT
local-hostname: firewall
TEXT
cat > "$work/seed/sluice/tokens.toml" <<TEXT
[[token]]
name = "demo"
role = "admin"
sha256 = "$(printf %s "$token" | sha256sum | cut -d' ' -f1)"
TEXT
cat > "$work/seed/sluice/vnf.toml" <<TEXT
[function.parameters]
OUT = "deny tcp dst port 23, allow all"
TEXT

for n in $a $b $r; do ip netns add "$n" || { echo "cannot make network namespaces here" >&2; exit 1; }; done
for n in $a $b $r; do
    in_ns $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    ip -n $n link set lo up
done
for t in left right; do ip -n $r tuntap add $t mode tap; done

say "booting"
# Its own session: Ctrl-C reaches this script, which then has the machine switched off.
in_ns $r setsid target/debug/sluice-image run full --memory 128 --cpus 1 --serial "$work/console" \
    --nic user,ems=8443 --nic tap,ifname=left --nic tap,ifname=right \
    --seed "$work/seed" --append sluice.function=firewall > "$work/qemu" 2>&1 &
vm=$!
pids+=($vm)
for _ in $(seq 100); do
    in_ns $r ip -o link show left up 2>/dev/null | grep -q LOWER_UP && break
    kill -0 $vm 2>/dev/null || break
    ip -n $r link set left up; ip -n $r link set right up
    sleep 0.1
done
head -n 1 "$work/qemu"
# The hosts' ends of the machine's cables.
ip -n $r link set left netns $a && ip -n $a link set left name eth0
ip -n $r link set right netns $b && ip -n $b link set right name eth0
ip -n $a addr add 10.0.1.2/24 dev eth0
ip -n $b addr add 10.0.1.3/24 dev eth0
for n in $a $b; do ip -n $n link set eth0 up; done

ems() { in_ns $r curl -sk --max-time 20 -H "Authorization: Bearer $token" "$@"; }
url=https://127.0.0.1:8443
for _ in $(seq 300); do
    [ "$(ems -o /dev/null -w '%{http_code}' $url/readyz)" = 200 ] && break
    kill -0 $vm 2>/dev/null && [ $stop = no ] || break
    sleep 0.2
done
if [ "$(ems -o /dev/null -w '%{http_code}' $url/readyz)" != 200 ]; then
    cat "$work/qemu" "$work/console" >&2
    echo "VERDICT: the machine did not become ready" >&2
    exit 1
fi
driver=$(ems $url/v1/system | sed 's/.*"role":"data","driver":"\([^"]*\)".*/\1/')
cat <<TEXT

  host a                       virtual machine                       host b
  10.0.1.2 ───── eth1 ──[ firewall, $driver ]── eth2 ───── 10.0.1.3
                                   │ eth0
                       EMS $url/ (in the namespace $r)
TEXT

say "ping from a to b"
for _ in 1 2 3 4 5; do in_ns $a ping -c 1 -W 1 10.0.1.3 > /dev/null 2>&1 && break; done
in_ns $a setsid ping -c 3 -i 0.3 10.0.1.3 | tee "$work/ping"

say "telnet from a to b: the rule ‘deny tcp dst port 23’ denies it"
if in_ns $a timeout 2 bash -c 'exec 3<>/dev/tcp/10.0.1.3/23' 2>/dev/null; then echo "connected: the firewall failed"; telnet=open; else
    echo "no answer, as it should be"; telnet=denied; fi

# The function's parameters, changed while it runs.
change() {
    ems -X PUT -H 'content-type: application/json' $url/v1/functions/main -d '{
        "parameters": {"A": "eth1", "B": "eth2", "OUT": "deny tcp dst port 23, deny udp dst port 9, allow all"}, "comment": "no discard service"}'
}

say "while this runs, in another terminal (TOKEN=$token):"
echo "ip netns exec $r curl -sk -H \"Authorization: Bearer \$TOKEN\" $url/v1/stats"

iperf() { in_ns $b setsid iperf3 -s -1 > "$work/server" 2>&1 & pids+=($!); sleep 0.5; }
started=$SECONDS
changed=
transfers="$work/transfers"
: > "$transfers"
while [ $stop = no ]; do
    left=5
    if [ "$seconds" -gt 0 ]; then
        left=$((seconds - (SECONDS - started) - 3))
        [ -s "$transfers" ] && [ $left -lt 2 ] && break
        [ $left -lt 2 ] && left=2
        [ $left -gt 5 ] && left=5
    fi
    say "iperf3 from a to b for $left s$([ "$seconds" = 0 ] && echo ' (Ctrl-C ends)')"
    iperf
    in_ns $a setsid iperf3 --forceflush -c 10.0.1.3 -t $left > "$work/iperf" 2>&1 &
    p=$!
    while kill -0 $p 2>/dev/null && [ $stop = no ]; do
        sleep 1
        if [ -z "$changed" ]; then
            changed=$(change)
            echo "while packets flow, a rule more, by REST: $changed"
        fi
        ems $url/v1/ports | tr -d '\n' | sed 's/},{"name"/}\n{"name"/g' \
            | sed -n 's/.*"name":"\(eth[0-9]*\)".*"received":{"packets_per_second":\([0-9]*\)[^,]*,"bits_per_second":\([0-9]*\).*/  \1 receives \2 packets, \3 bits a second/p'
    done
    [ $stop = yes ] && kill $p 2>/dev/null
    wait $p 2>/dev/null
    grep -E 'sender|receiver|error' "$work/iperf" | tee -a "$transfers"
done

ems -X POST $url/v1/system/shutdown > /dev/null
for _ in $(seq 100); do kill -0 $vm 2>/dev/null || break; sleep 0.2; done
say "what the machine counted"
tr -d '\r' < "$work/console" | sed -n '/^ran /,$p' | grep -v 'pps'

say "VERDICT"
ok=yes
case $changed in
*'"changed":true'*) echo "EMS:      revision 2 since the first transfer, packets waited ${changed##*pauses_ns\":[}" | sed 's/\]}.*/ ns for it/' ;;
*) [ $stop = yes ] && echo "EMS:      stopped before the change" || { echo "EMS:      the change failed: $changed"; ok=no; } ;;
esac
echo "ping:     $(grep 'packets transmitted' "$work/ping" | cut -d, -f1-3)"
grep -q ' 0% packet loss' "$work/ping" || ok=no
if grep -q receiver "$transfers"; then
    echo "iperf3:   $(grep receiver "$transfers" | tail -n 1 | awk '{print $5, $6, "received at", $7, $8}')"
elif [ $stop = yes ]; then
    echo "iperf3:   stopped before a transfer was over"
else
    echo "iperf3:   no transfer came through"
    ok=no
fi
rule=$(tr -d '\r' < "$work/console" | sed -n '/^rules of out/,$p' | awk '/deny tcp dst port 23/ {print $2; exit}')
echo "telnet:   $telnet, ${rule:-no} packets dropped by the rule ‘deny tcp dst port 23’"
[ $telnet = denied ] || ok=no
exact=$(tr -d '\r' < "$work/console" | grep '(exact)' | tail -n 1)
echo "counters: ${exact:-do not add up}"
[ -n "$exact" ] || ok=no
kill -0 $vm 2>/dev/null && { echo "machine:  did not switch itself off"; ok=no; } || echo "machine:  switched itself off"
if [ $ok = yes ]; then echo "all well"; else echo "something went wrong: see above"; exit 1; fi
