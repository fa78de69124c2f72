# Folders on servers.

# start_sftp: OpenSSH, which lets in whoever runs this by a key, and rclone, which takes a password and lacks
# most of what OpenSSH adds to the protocol. SYNCPLAN_TEST_SSHD and SYNCPLAN_TEST_SFTP_RCLONE are their ports
# on 127.0.0.1, SYNCPLAN_TEST_SFTP the folder with the keys `id`, `locked` (passphrase `testsecret`) and
# `other_host.pub`, with `known_hosts`, and with the servers' own folder `data`.
start_sftp() {
    local dir=$server_dir/sshd port
    mkdir -p "$dir/data" "$dir/rclone" "$server_dir/sftp-rclone"
    chmod 700 "$dir"
    local key
    for key in id host_ed25519 host_rclone other_host; do
        ssh-keygen -q -t ed25519 -N '' -C tests -f "$dir/$key" </dev/null
    done
    ssh-keygen -q -t ecdsa -N '' -C tests -f "$dir/host_ecdsa" </dev/null
    ssh-keygen -q -t ed25519 -N testsecret -C tests -f "$dir/locked" </dev/null
    cat "$dir/id.pub" "$dir/locked.pub" >"$dir/authorized_keys"
    export SYNCPLAN_TEST_SFTP=$dir
    : >"$dir/known_hosts"
    start_sshd "$dir"
    start_server sftp-rclone env RCLONE_CONFIG=/dev/null "$SYNCPLAN_TEST_RCLONE" serve sftp "$dir/rclone" \
        --addr 127.0.0.1:0 --user tester --pass testsecret --key "$dir/host_rclone" --vfs-cache-mode writes \
        --vfs-write-back 0 --cache-dir "$server_dir/sftp-rclone/cache" -v
    port=$(server_port sftp-rclone)
    export SYNCPLAN_TEST_SFTP_RCLONE=$port
    echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$dir/host_rclone.pub")" >>"$dir/known_hosts"
    say "tests: OpenSSH at 127.0.0.1:$SYNCPLAN_TEST_SSHD, rclone serve sftp at 127.0.0.1:$port"
}

# start_sshd FOLDER: it takes no port 0, so that it is asked to try some until one was free.
start_sshd() {
    local dir=$1 port sshd key
    need_command sshd openssh-server || need_command /usr/sbin/sshd openssh-server
    # It starts itself again for each connection, and wants to know where it is.
    sshd=$(command -v sshd || echo /usr/sbin/sshd)
    if ((EUID == 0)); then mkdir -p -m 0755 /run/sshd; fi
    for _ in {1..20}; do
        port=$((20000 + RANDOM % 12000))
        cat >"$dir/sshd_config" <<C
Port $port
ListenAddress 127.0.0.1
HostKey $dir/host_ed25519
HostKey $dir/host_ecdsa
PidFile $dir/sshd.pid
AuthorizedKeysFile $dir/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
MaxStartups 200
MaxSessions 100
Subsystem sftp internal-sftp
C
        start_server sshd "$sshd" -D -e -f "$dir/sshd_config"
        if sshd_is_ready "${server_pids[-1]}" "$dir/sshd.pid"; then
            export SYNCPLAN_TEST_SSHD=$port
            for key in ed25519 ecdsa; do
                echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$dir/host_$key.pub")" >>"$dir/known_hosts"
            done
            return
        fi
        unset 'server_pids[-1]'
    done
    say "tests: OpenSSH did not start"
    return 1
}

# sshd_is_ready PID FILE: waits until the server wrote its own number, which it does when it listens.
sshd_is_ready() {
    for _ in {1..300}; do
        [[ -s $2 ]] && return
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# server_port NAME: waits until the server says on which port of 127.0.0.1 the system put it.
server_port() {
    local found
    for _ in {1..600}; do
        found=$(grep -oE -m1 '127\.0\.0\.1:[0-9]+' "$server_dir/$1.log") && { echo "${found##*:}"; return; }
        sleep 0.1
    done
    say "tests: $1 did not come up within a minute"
    return 1
}
