#!/bin/bash
# The command line of a switch, for whoever logs in to an OpenSSH server. $1 says what it is like:
# readline or cooked (the terminal's own echo), and what else happens. $2 is a file for the lines
# that it is given.
name=Leaf-1
case "$1" in
    narrow) stty columns 40 ;;
    mute) stty -echo ;;
    closed) echo 'This account is not available.'; exit 1 ;;
    silent) sleep 600 ;;
    expired) printf '\r\nYour password has expired.\r\nNew password: '; sleep 600 ;;
    strange) printf '\r\nLeaf 1 @ dc2 $ '; sleep 600 ;;
    much) yes 'Authorized use only.' | head -c 300000 ;;
esac
mode=
# A log line that is wrapped at the 80th column. What follows looks like an error.
logged() {
    printf '%-80.80s\r\n%s\r\n' '2023/04/27-02:48:40, [SEC-1203], 9,, INFO, Leaf-1, Login information: Login by a user. ' \
        'Error: the user was not known before.'
}
count=0
next() {
    local prompt="$name$mode# "
    case "$1" in
        readline | narrow | much | logs) IFS= read -e -r -p "$prompt" line ;;
        *) printf '%s' "$prompt"; IFS= read -r line ;;
    esac
}
printf '\r\nWelcome to the switch.\r\nnotice# read the rules\r\n'
while next "$1"; do
    printf '%s\n' "$line" >> "$2"
    count=$((count + 1))
    [ "$1" = logs ] && [ $((count % 3)) = 0 ] && logged
    case "$line" in
        '') ;;
        'show version') echo 'Firmware name:      20.3.2a' ;;
        'show tpvm status') echo 'TPVM is running, and AutoStart is enabled on this host.' ;;
        'show running-config tpvm')
            printf 'tpvm TPVM\n auto-boot\n hostname tpvm-1\n deploy\n!\n' ;;
        'show tpvm snapshot') sleep 600 ;;
        'show tpvm version') name=Spine-2; echo 'TPVM Version: 4.2.4' ;;
        'tpvm revert')
            printf 'The TPVM stops.\nContinue? [y/n]:'
            IFS= read -r answer
            printf 'answer %s\n' "$answer" >> "$2"
            [ "$1" = logs ] && logged && continue
            [ "$answer" = y ] && echo 'TPVM revert is initiated' ;;
        'tpvm upgrade '*) echo 'TPVM upgrade is initiated' ;;
        'configure terminal') mode='(config)'; echo 'Entering configuration mode terminal' ;;
        'tpvm TPVM') mode='(config-tpvm-TPVM)' ;;
        end) mode= ;;
        *) echo 'syntax error: unknown argument.' ;;
    esac
done
