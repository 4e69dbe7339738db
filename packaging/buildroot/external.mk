include $(sort $(wildcard $(BR2_EXTERNAL_CAMPUSH_PATH)/package/*/*.mk))
