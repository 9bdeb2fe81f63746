<?php
/**
 * Leaves nothing behind but the marks on posts, by which the platform would find them again.
 *
 * @package igny8-bridge
 */

if ( ! defined( 'WP_UNINSTALL_PLUGIN' ) ) {
	exit;
}

global $wpdb;
$wpdb->query( $wpdb->prepare( "DELETE FROM $wpdb->options WHERE option_name LIKE %s", $wpdb->esc_like( 'igny8_bridge_' ) . '%' ) );
wp_clear_scheduled_hook( 'igny8_bridge_send' );
wp_cache_flush();
