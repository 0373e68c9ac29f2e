# Run inside a unit's sandbox: tries what the unit is said to be able or unable to do, and prints one line for each.
use strict;
use warnings;
use Errno ();
use Socket;

sub report { my ($what, $done) = @_; print "$what: ", ($done ? "yes" : "no, $!"), "\n"; }

sub opens { my ($mode, $path) = @_; return open(my $file, $mode, $path); }

sub connects {
    my ($path) = @_;
    socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or return 0;
    return connect($socket, pack_sockaddr_un($path));
}

sub binds {
    my ($port) = @_;
    socket(my $socket, AF_INET, SOCK_STREAM, 0) or return 0;
    return bind($socket, pack_sockaddr_in($port, INADDR_LOOPBACK));
}

# AF_PACKET is 17 on Linux.
sub opens_socket { my ($family, $type) = @_; return socket(my $socket, $family, $type, 0); }

# The arguments of this program are the numbers of mmap(2) and seccomp(2).
my ($mmap, $seccomp) = map { int } @ARGV;

# A page that is private, anonymous, and readable, writable and executable.
sub maps_writable_code { return syscall($mmap, 0, 4096, 7, 34, -1, 0) != -1; }

# Whether a process may be killed by a filter of its own (SECCOMP_GET_ACTION_AVAIL, SECCOMP_RET_KILL_PROCESS).
sub filters_itself { my $action = pack("L", 0x80000000); return syscall($seccomp, 2, 0, $action) == 0; }

# Asks for the version of Landlock; a kernel that has none says so in another way than a filter does.
sub may_ask_for_landlock { return syscall(444, 0, 0, 1) != -1 || !$!{EPERM}; }

report("read a secret of root", opens("<", "/var/keys/main"));
report("read the settings", opens("<", "/etc/nixcast/settings.json"));
report("write to /etc", opens(">", "/etc/probe"));
report("write to /usr", opens(">", "/usr/probe"));
report("write to /run", opens(">", "/run/probe"));
report("open an Internet socket", opens_socket(AF_INET, SOCK_STREAM));
report("open a packet socket", opens_socket(17, SOCK_RAW));
report("bind port 79", binds(79));
report("speak to the engine", connects("/run/nixcast/engine.sock"));
report("speak to the agent", connects("/run/nixcast-agent/agent.sock"));
report("change an owner", chown(1, 1, $0));
report("map writable code", maps_writable_code());
report("filter its own system calls", filters_itself());
report("ask for Landlock", may_ask_for_landlock());
report("see processes of others", -e "/proc/1");
report("read figures of the machine", opens("<", "/proc/meminfo"));
open(my $devices, "<", "/proc/self/net/dev") or die $!;
print "network devices: ", join(" ", map { /^\s*(\w+):/ ? $1 : () } <$devices>), "\n";
report("chroot", chroot("/var"));
