#!/bin/sh
# Schemathesis against the EMS of a running function: whatever its OpenAPI document allows is asked, and what it does not.
# In a network namespace of its own, with a token. Arguments go to `schemathesis run`; FUZZ_SECONDS ends it at the latest.
set -eu
sluice=$(realpath "${SLUICE:-target/release/sluice}")
tools=$(realpath target)/schemathesis
[ -x "$tools/bin/schemathesis" ] || { python3 -m venv "$tools" && "$tools/bin/pip" install --quiet 'schemathesis>=4,<5'; }
settings=$(realpath "$(dirname "$0")/fuzz-api.toml")
n=sluice-fuzz-$$
folder=$(mktemp -d)
vnf=
end() {
    [ -z "$vnf" ] || { kill -INT "$vnf" && wait "$vnf"; } || true
    ip netns del "$n"
    rm -rf "$folder"
}
ip netns add "$n"
trap end EXIT INT TERM
ip -n "$n" link set lo up
for port in left right; do
    ip -n "$n" link add "$port" type veth peer name "$port-far"
    ip -n "$n" link set "$port" up && ip -n "$n" link set "$port-far" up
done
cat > "$folder/vnf.toml" <<'END'
[vnf]
id = "00000000-0000-4000-8000-000000000001"
[function]
file = "wire.click"
[ems]
tokens = "tokens.toml"
[ems.limits]
requests_per_second = 100000
END
echo 'FromDevice(left) -> q :: Queue -> ToDevice(right); FromDevice(right) -> Queue -> ToDevice(left);' > "$folder/wire.click"
token=$("$sluice" token "$folder/tokens.toml" fuzzer --role admin)
ip netns exec "$n" "$sluice" run "$folder/vnf.toml" -q > "$folder/said" 2>&1 &
vnf=$!
url=http://127.0.0.1:8000
until ip netns exec "$n" curl -sf "$url/readyz" > /dev/null; do kill -0 "$vnf"; sleep 0.1; done
# Not what ends the VNF, what never ends, and the upload of an archive, which it cannot make.
ip netns exec "$n" timeout "${FUZZ_SECONDS:-900}" "$tools/bin/schemathesis" --config-file "$settings" run "$url/openapi.json" \
    --header "Authorization: Bearer $token" --exclude-path-regex '^/v1/(system/|events)' --exclude-operation-id put_backup "$@"
