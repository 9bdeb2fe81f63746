<?php
/**
 * One post for each item of the platform: found by its mark, made once, never overwritten by an
 * older revision. What is asked for goes through core's own controller, so that core's permissions
 * and checks apply.
 *
 * @package igny8-bridge
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

const IGNY8_BRIDGE_MARK         = '_igny8_id';
const IGNY8_BRIDGE_REVISION     = '_igny8_rev';
const IGNY8_BRIDGE_LOCK_SECONDS = 10;

add_action(
	'rest_api_init',
	function () {
		register_rest_route(
			IGNY8_BRIDGE_NAMESPACE,
			'/content/(?P<key>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})',
			array(
				'methods'             => 'PUT',
				'callback'            => 'igny8_bridge_put_content',
				'permission_callback' => 'igny8_bridge_may_edit',
			)
		);
	}
);

/**
 * Make or change the post of an item.
 *
 * The body is that of core's POST, with: type (post or page), revision, adopt (a post of ours from
 * before the plugin), reserve (only find or make it; what is there stays as it is).
 *
 * @return WP_REST_Response|WP_Error core's answer; 409 igny8_locked, igny8_stale, igny8_taken.
 */
function igny8_bridge_put_content( WP_REST_Request $request ) {
	global $wpdb;
	$key  = $request['key'];
	$body = (array) $request->get_json_params();
	$type = isset( $body['type'] ) && in_array( $body['type'], IGNY8_BRIDGE_TYPES, true ) ? $body['type'] : 'post';
	$lock = 'igny8_' . md5( DB_NAME . $wpdb->prefix . $key );
	if ( ! $wpdb->get_var( $wpdb->prepare( 'SELECT GET_LOCK(%s, %d)', $lock, IGNY8_BRIDGE_LOCK_SECONDS ) ) ) {
		return new WP_Error( 'igny8_locked', 'Somebody else writes this post.', array( 'status' => 409 ) );
	}
	try {
		return igny8_bridge_put_locked( $key, $type, $body );
	} finally {
		$wpdb->query( $wpdb->prepare( 'DO RELEASE_LOCK(%s)', $lock ) );
	}
}

/** The same, once nobody else can. */
function igny8_bridge_put_locked( string $key, string $type, array $body ) {
	$is_reserving = ! empty( $body['reserve'] );
	$revision     = (int) ( $body['revision'] ?? 0 );
	$adopt        = (int) ( $body['adopt'] ?? 0 );
	unset( $body['reserve'], $body['revision'], $body['adopt'], $body['type'] );

	$id = igny8_bridge_find( $key, $type );
	if ( $id && $is_reserving ) {
		return igny8_bridge_ask_core( 'GET', $type, $id, array() );
	}
	if ( ! $id && $adopt ) {
		if ( get_post_meta( $adopt, IGNY8_BRIDGE_MARK, true ) || 'trash' === get_post_status( $adopt ) ) {
			return new WP_Error( 'igny8_taken', 'That post cannot be taken over.', array( 'status' => 409 ) );
		}
		$id = $adopt;
	}
	if ( $id && $revision && $revision < (int) get_post_meta( $id, IGNY8_BRIDGE_REVISION, true ) ) {
		return new WP_Error( 'igny8_stale', 'A newer revision is here.', array( 'status' => 409, 'id' => $id ) );
	}
	$mark = function ( $post ) use ( $key, $revision ) {
		$post->meta_input = array( IGNY8_BRIDGE_MARK => $key ) + ( $revision ? array( IGNY8_BRIDGE_REVISION => $revision ) : array() );
		return $post; // the post and its mark in one go
	};
	add_filter( "rest_pre_insert_$type", $mark );
	try {
		return igny8_bridge_ask_core( 'POST', $type, $id, $body );
	} finally {
		remove_filter( "rest_pre_insert_$type", $mark );
	}
}

/** Id of the post that is marked with a key, or of its reservation from before the plugin; 0: none. */
function igny8_bridge_find( string $key, string $type ): int {
	global $wpdb;
	$marked = $wpdb->get_var(
		$wpdb->prepare(
			"SELECT p.ID FROM $wpdb->postmeta m JOIN $wpdb->posts p ON p.ID = m.post_id AND p.post_status <> 'trash'
			  WHERE m.meta_key = %s AND m.meta_value = %s ORDER BY p.ID LIMIT 1",
			IGNY8_BRIDGE_MARK,
			$key
		)
	);
	if ( $marked ) {
		return (int) $marked;
	}
	$reserved = (int) $wpdb->get_var(
		$wpdb->prepare(
			"SELECT ID FROM $wpdb->posts WHERE post_name = %s AND post_type = %s AND post_status = 'draft' ORDER BY ID LIMIT 1",
			'igny8-' . str_replace( '-', '', $key ),
			$type
		)
	);
	if ( $reserved && ! get_post_meta( $reserved, IGNY8_BRIDGE_MARK, true ) && current_user_can( 'edit_post', $reserved ) ) {
		update_post_meta( $reserved, IGNY8_BRIDGE_MARK, $key );
		return $reserved;
	}
	return 0;
}

/** One request to core's own controller, in the name of whoever asks us. */
function igny8_bridge_ask_core( string $method, string $type, int $id, array $body ) {
	$route   = '/wp/v2/' . ( 'page' === $type ? 'pages' : 'posts' ) . ( $id ? "/$id" : '' );
	$request = new WP_REST_Request( $method, $route );
	$request->set_query_params( array( 'context' => 'edit' ) );
	if ( 'POST' === $method ) {
		$request->set_header( 'content-type', 'application/json' );
		$request->set_body( wp_json_encode( $body ) );
	}
	return rest_do_request( $request );
}
