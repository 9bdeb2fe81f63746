<?php
/**
 * Tells the platform that something changed here: ids and a status, signed (Standard Webhooks), from
 * a queue with retries. Nobody who edits waits for it.
 *
 * Each event is an option of its own, not autoloaded: two requests never write the same row.
 *
 * @package igny8-bridge
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

const IGNY8_BRIDGE_EVENT   = 'igny8_bridge_event_';
const IGNY8_BRIDGE_DELAYS  = array( 5, 60, 300, 1800, 7200, 21600, 43200, 86400 );
const IGNY8_BRIDGE_AT_ONCE = 50;
const IGNY8_BRIDGE_MAX     = 2000;

add_action( 'igny8_bridge_send', 'igny8_bridge_send' );

add_action(
	'wp_after_insert_post',
	function ( $id, WP_Post $post, $is_update, $before ) {
		if ( ! in_array( $post->post_type, IGNY8_BRIDGE_TYPES, true ) || 'auto-draft' === $post->post_status
			|| wp_is_post_revision( $id ) || wp_is_post_autosave( $id ) || igny8_bridge_is_reservation( $post ) ) {
			return;
		}
		$type = $is_update && $before && 'auto-draft' !== $before->post_status ? 'updated' : 'created';
		if ( 'trash' === $post->post_status ) {
			$type = 'trashed';
		} elseif ( $before && 'trash' === $before->post_status ) {
			$type = 'untrashed';
		}
		igny8_bridge_queue( "post.$type", igny8_bridge_about( $post ) );
	},
	10,
	4
);
add_action(
	'before_delete_post',
	function ( $id, WP_Post $post ) {
		if ( in_array( $post->post_type, IGNY8_BRIDGE_TYPES, true ) && 'auto-draft' !== $post->post_status && ! igny8_bridge_is_reservation( $post ) ) {
			igny8_bridge_queue( 'post.deleted', igny8_bridge_about( $post ) );
		}
	},
	10,
	2
);
foreach ( array( 'created_term', 'edited_term', 'delete_term' ) as $igny8_bridge_hook ) {
	add_action(
		$igny8_bridge_hook,
		function ( $id, $tt_id, $taxonomy ) use ( $igny8_bridge_hook ) {
			if ( in_array( $taxonomy, array( 'category', 'post_tag' ), true ) ) {
				$verb = strtr( $igny8_bridge_hook, array( '_term' => '', 'delete' => 'deleted' ) );
				igny8_bridge_queue( "term.$verb", array( 'id' => (int) $id, 'taxonomy' => $taxonomy ) );
			}
		},
		10,
		3
	);
}

/** Whether a post is only the place that the platform holds for an article. */
function igny8_bridge_is_reservation( WP_Post $post ): bool {
	return 'draft' === $post->post_status && 0 === strpos( $post->post_name, 'igny8-' ) && '' === $post->post_content;
}

/** What is told of a post: thin, because the platform asks for the rest. */
function igny8_bridge_about( WP_Post $post ): array {
	return array(
		'id'           => $post->ID,
		'post_type'    => $post->post_type,
		'status'       => $post->post_status,
		'slug'         => $post->post_name,
		'modified_gmt' => $post->post_modified_gmt,
		'content_id'   => (string) get_post_meta( $post->ID, IGNY8_BRIDGE_MARK, true ),
		'origin'       => isset( $_SERVER['HTTP_X_IGNY8_ORIGIN'] ) ? 'platform' : 'site', // a hint: the platform compares
	);
}

/** Keep an event until it was sent; nothing without a webhook. */
function igny8_bridge_queue( string $type, array $data ): void {
	global $wpdb;
	if ( '' === (string) get_option( 'igny8_bridge_url', '' ) ) {
		return;
	}
	$waiting = (int) $wpdb->get_var( $wpdb->prepare( "SELECT COUNT(*) FROM $wpdb->options WHERE option_name LIKE %s", $wpdb->esc_like( IGNY8_BRIDGE_EVENT ) . '%' ) );
	if ( $waiting >= IGNY8_BRIDGE_MAX ) {
		return; // the platform has been away for long: its sweep finds what changed
	}
	$id    = 'evt_' . bin2hex( random_bytes( 12 ) );
	$event = array(
		'body'     => wp_json_encode(
			array(
				'type'      => $type,
				'timestamp' => gmdate( 'Y-m-d\TH:i:s\Z' ),
				'data'      => $data,
			)
		),
		'attempts' => 0,
		'due'      => 0,
	);
	add_option( IGNY8_BRIDGE_EVENT . $id, $event, '', 'no' );
	if ( ! wp_next_scheduled( 'igny8_bridge_send' ) ) {
		wp_schedule_single_event( time(), 'igny8_bridge_send' );
	}
}

/** Send what is due; what does not get through waits longer each time, and is dropped in the end. */
function igny8_bridge_send(): void {
	global $wpdb;
	$url    = (string) get_option( 'igny8_bridge_url', '' );
	$secret = (string) get_option( 'igny8_bridge_secret', '' );
	$names  = $wpdb->get_col( $wpdb->prepare( "SELECT option_name FROM $wpdb->options WHERE option_name LIKE %s ORDER BY option_id LIMIT %d", $wpdb->esc_like( IGNY8_BRIDGE_EVENT ) . '%', IGNY8_BRIDGE_AT_ONCE ) );
	$next   = 0;
	foreach ( $names as $name ) {
		$event = get_option( $name );
		if ( ! is_array( $event ) || '' === $url ) {
			delete_option( $name );
			continue;
		}
		if ( $event['due'] > time() ) {
			$next = $next ? min( $next, $event['due'] ) : $event['due'];
			continue;
		}
		$status = igny8_bridge_deliver( $url, $secret, substr( $name, strlen( IGNY8_BRIDGE_EVENT ) ), $event['body'] );
		if ( ( $status >= 200 && $status < 300 ) || 410 === $status || $event['attempts'] >= count( IGNY8_BRIDGE_DELAYS ) ) {
			delete_option( $name );
			continue;
		}
		$event['due'] = time() + IGNY8_BRIDGE_DELAYS[ $event['attempts']++ ];
		update_option( $name, $event, 'no' );
		$next = $next ? min( $next, $event['due'] ) : $event['due'];
	}
	if ( count( $names ) === IGNY8_BRIDGE_AT_ONCE ) {
		$next = time();
	}
	if ( $next ) {
		wp_schedule_single_event( $next, 'igny8_bridge_send' );
	}
}

/** One try; the status of the answer, 0 without one. */
function igny8_bridge_deliver( string $url, string $secret, string $id, string $body ): int {
	$now    = time();
	$answer = wp_remote_post(
		$url,
		array(
			'timeout'     => 10,
			'redirection' => 0,
			'body'        => $body,
			'headers'     => array(
				'Content-Type'      => 'application/json',
				'webhook-id'        => $id,
				'webhook-timestamp' => (string) $now,
				'webhook-signature' => igny8_bridge_signature( $secret, $id, $now, $body ),
			),
		)
	);
	return is_wp_error( $answer ) ? 0 : (int) wp_remote_retrieve_response_code( $answer );
}

/** The header webhook-signature; the secret is whsec_… */
function igny8_bridge_signature( string $secret, string $id, int $timestamp, string $body ): string {
	$key = base64_decode( substr( $secret, strlen( 'whsec_' ) ) );
	return 'v1,' . base64_encode( hash_hmac( 'sha256', "$id.$timestamp.$body", $key, true ) );
}
