#include "model/replication_recovery.h"
void recovery_continue(struct world *world, unsigned node, unsigned source, bool time_out_passes){(void)world;(void)node;(void)source;(void)time_out_passes;}
void recovery_compare(struct world *world, unsigned node, unsigned source){(void)world;(void)node;(void)source;}
