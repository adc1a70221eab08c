// A map of each kind of type that bpftool prints in its own way.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum kind { NONE, TCP = 6, UDP = 17, ODD = -3 };
enum big : unsigned long long { SMALL, LARGE = 0x1234567890ull };

struct inner {
	__u8 a;
	__u16 b;
};

struct key {
	__u32 address;
	__u16 port;
	__u8 protocol;
	char tag;
};

struct value {
	__u64 packets;
	long long delta;
	__u8 mac[6];
	char name[8];
	enum kind kind;
	enum big big;
	_Bool on;
	__u32 low : 3, middle : 13, high : 16;
	int with_sign : 5;
	struct inner in[2];
	union {
		__u32 word;
		__u8 bytes[4];
	};
	struct {
		short x;
	};
	void *pointer;
	__int128 wide;
	signed char small;
	char letter;
	__u8 matrix[2][3];
	const volatile char text[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct key);
	__type(value, struct value);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct inner);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 3);
	__uint(key_size, 20);
	__uint(value_size, 4);
} bytes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 3);
	__uint(key_size, 6);
	__uint(value_size, 4);
} few_bytes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 3);
	__uint(value_size, 4);
} waiting SEC(".maps");

int counter = 5;
struct inner global = {1, 2};
char label[6] = "ab\"";

SEC("xdp")
int types(struct xdp_md *ctx)
{
	struct key key = {};
	char long_key[20] = {};
	__u32 zero = 0;

	bpf_map_lookup_elem(&flows, &key);
	bpf_map_lookup_elem(&counts, &zero);
	bpf_map_lookup_elem(&numbers, &zero);
	bpf_map_lookup_elem(&bytes, long_key);
	bpf_map_lookup_elem(&few_bytes, long_key);
	bpf_map_peek_elem(&waiting, &zero);
	counter++;
	global.a++;
	label[1]++;
	return XDP_PASS;
}

char _license[] SEC("license") = "BSD";
