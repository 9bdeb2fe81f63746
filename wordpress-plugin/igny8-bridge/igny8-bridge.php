<?php
/**
 * Plugin Name:       IGNY8 Bridge
 * Description:       Lets IGNY8 publish each article exactly once, with its SEO fields, and tells it about changes made here.
 * Version:           1.0.0
 * Requires at least: 6.1
 * Requires PHP:      7.4
 * Author:            IGNY8
 * License:           GPL-2.0-or-later
 * License URI:       https://www.gnu.org/licenses/gpl-2.0.html
 * Text Domain:       igny8-bridge
 *
 * Copyright (C) 2026 the IGNY8 authors
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the
 * GNU General Public License as published by the Free Software Foundation; either version 2 of the
 * License, or (at your option) any later version. It is distributed in the hope that it will be
 * useful, but WITHOUT ANY WARRANTY; without even the implied warranty of MERCHANTABILITY or FITNESS
 * FOR A PARTICULAR PURPOSE. See the GNU General Public License for more details.
 *
 * @package igny8-bridge
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

const IGNY8_BRIDGE_VERSION   = '1.0.0';
const IGNY8_BRIDGE_NAMESPACE = 'igny8/v1';
const IGNY8_BRIDGE_TYPES     = array( 'post', 'page' );

require __DIR__ . '/includes/content.php';
require __DIR__ . '/includes/seo.php';
require __DIR__ . '/includes/webhooks.php';
require __DIR__ . '/includes/settings.php';

add_action(
	'rest_api_init',
	function () {
		register_rest_route(
			IGNY8_BRIDGE_NAMESPACE,
			'/status',
			array(
				'methods'             => 'GET',
				'callback'            => 'igny8_bridge_status',
				'permission_callback' => 'igny8_bridge_may_edit',
			)
		);
	}
);

register_deactivation_hook(
	__FILE__,
	function () {
		wp_clear_scheduled_hook( 'igny8_bridge_send' );
	}
);

/** Whether somebody may use the bridge at all; what they may do to a post is core's to say. */
function igny8_bridge_may_edit(): bool {
	return current_user_can( 'edit_posts' );
}

/** What this site is and can do. */
function igny8_bridge_status(): array {
	return array(
		'version'             => IGNY8_BRIDGE_VERSION,
		'wordpress'           => get_bloginfo( 'version' ),
		'php'                 => PHP_VERSION,
		'seo_plugin'          => igny8_bridge_seo_plugin(),
		'seo_writable'        => (bool) igny8_bridge_seo_keys(),
		'max_upload_bytes'    => wp_max_upload_size(),
		'permalink_structure' => (string) get_option( 'permalink_structure' ),
		'has_webhook'         => '' !== (string) get_option( 'igny8_bridge_url', '' ),
	);
}
