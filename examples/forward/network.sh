#!/bin/sh
# The network that fib.json is of: `unshare -n sh network.sh fib.json` makes it and writes it down.
set -e
ip link set lo up
for number in 2 3 4; do
	ip link add port$number index $number address 02:00:00:00:01:0$number type veth peer name peer$number index 10$number
	echo 0 > /proc/sys/net/ipv6/conf/port$number/accept_dad
	echo 1 > /proc/sys/net/ipv6/conf/port$number/addr_gen_mode
	echo 1 > /proc/sys/net/ipv6/conf/peer$number/addr_gen_mode
	ip link set port$number up
	ip link set peer$number up
	ip address add 192.168.$number.1/24 dev port$number
	ip address add 2001:db8:$number::1/64 dev port$number
	for family in ipv4 ipv6; do
		echo 1 > /proc/sys/net/$family/conf/port$number/forwarding
	done
done
echo 1 > /proc/sys/net/ipv4/conf/lo/forwarding
echo 1 > /proc/sys/net/ipv6/conf/lo/forwarding
ip link set port4 mtu 1400

ip route add default via 192.168.2.254
ip route add 10.3.0.0/16 via 192.168.3.2
ip route add 10.3.9.0/24 via inet6 fe80::4 dev port4
ip route add 10.4.0.0/16 via 192.168.4.2 mtu lock 1200
ip route add blackhole 10.66.0.0/16
ip route add unreachable 10.67.0.0/16
ip route add prohibit 10.68.0.0/16
ip route add ::/0 via fe80::2 dev port2
ip route add 2001:db8:30::/48 via fe80::3 dev port3
ip route add 2001:db8:30:9::/64 via 2001:db8:4::2
ip route add blackhole 2001:db8:66::/48

for number in 2 3 4; do
	ip neighbour add 192.168.$number.2 lladdr 02:00:00:00:02:0$number dev port$number
	ip neighbour add fe80::$number lladdr 02:00:00:00:03:0$number dev port$number
	ip neighbour add 2001:db8:$number::2 lladdr 02:00:00:00:04:0$number dev port$number
done
ip neighbour add 192.168.2.254 lladdr 02:00:00:00:02:fe dev port2
hardpath fib -o "$1"
