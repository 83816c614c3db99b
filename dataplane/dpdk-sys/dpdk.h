/* What Sluice uses of DPDK. Functions that are inline in its headers get a wrapper that can be linked
 * (bindgen's wrap_static_fns); none of those is called once per packet. */
#define _GNU_SOURCE
#include <stdio.h>
#include <rte_config.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_interrupts.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_version.h>

/* rte_errno is a macro over a thread's own variable. */
static inline int sluice_errno(void) { return rte_errno; }

/* What macros define, as constants that bindgen sees. */
enum {
	SLUICE_MAX_PORTS = RTE_MAX_ETHPORTS,
	SLUICE_NAME_SIZE = RTE_ETH_NAME_MAX_LEN,
	SLUICE_LOG_WARNING = RTE_LOG_WARNING,
	SLUICE_INTR_ADD = RTE_INTR_EVENT_ADD,
	SLUICE_INTR_DEL = RTE_INTR_EVENT_DEL,
	SLUICE_SPEED_UNKNOWN = RTE_ETH_SPEED_NUM_UNKNOWN,
};
static const uint64_t SLUICE_MBUF_INDIRECT = RTE_MBUF_F_INDIRECT;
static const uint64_t SLUICE_MBUF_EXTERNAL = RTE_MBUF_F_EXTERNAL;
static const uint64_t SLUICE_RX_IP_BAD = RTE_MBUF_F_RX_IP_CKSUM_BAD;
static const uint64_t SLUICE_RX_L4_BAD = RTE_MBUF_F_RX_L4_CKSUM_BAD;
static const uint64_t SLUICE_RX_IP_GOOD = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
static const uint64_t SLUICE_RX_L4_GOOD = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
static const uint64_t SLUICE_RX_VLAN_STRIPPED = RTE_MBUF_F_RX_VLAN_STRIPPED;
static const uint64_t SLUICE_RX_OFFLOAD_CHECKSUM = RTE_ETH_RX_OFFLOAD_CHECKSUM;
static const uint64_t SLUICE_RX_OFFLOAD_VLAN_STRIP = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
static const uint64_t SLUICE_RSS_IP = RTE_ETH_RSS_IP;
static const uint64_t SLUICE_RSS_TCP = RTE_ETH_RSS_TCP;
static const uint64_t SLUICE_RSS_UDP = RTE_ETH_RSS_UDP;
static const uint64_t SLUICE_RSS_SCTP = RTE_ETH_RSS_SCTP;
