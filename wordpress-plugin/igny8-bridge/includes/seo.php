<?php
/**
 * Title, description and focus keyword of a post, whatever SEO plugin there is. Readers never see
 * the fields through the REST interface; only who may edit the post does.
 *
 * @package igny8-bridge
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/** The SEO plugin that is active; empty without one. */
function igny8_bridge_seo_plugin(): string {
	$known = array(
		'yoast'             => defined( 'WPSEO_VERSION' ),
		'rank_math'         => class_exists( 'RankMath' ),
		'seopress'          => defined( 'SEOPRESS_VERSION' ),
		'the_seo_framework' => defined( 'THE_SEO_FRAMEWORK_VERSION' ),
		'aioseo'            => function_exists( 'aioseo' ),
	);
	return (string) array_search( true, $known, true );
}

/** Meta key of each field; empty where the active plugin keeps its fields elsewhere. */
function igny8_bridge_seo_keys(): array {
	$names = array( 'title', 'description', 'focus_keyword' );
	$keys  = array(
		'rank_math'         => array( 'rank_math_title', 'rank_math_description', 'rank_math_focus_keyword' ),
		'seopress'          => array( '_seopress_titles_title', '_seopress_titles_desc', '_seopress_analysis_target_kw' ),
		'the_seo_framework' => array( '_genesis_title', '_genesis_description', '_igny8_focus_keyword' ), // it has no keyword
		'yoast'             => array( '_yoast_wpseo_title', '_yoast_wpseo_metadesc', '_yoast_wpseo_focuskw' ),
	);
	$active = igny8_bridge_seo_plugin();
	if ( 'aioseo' === $active ) {
		return array();
	}
	return array_combine( $names, $keys[ $active ? $active : 'yoast' ] ); // a later Yoast finds them
}

add_action(
	'rest_api_init',
	function () {
		$text = array( 'type' => 'string' );
		register_rest_field(
			IGNY8_BRIDGE_TYPES,
			'igny8_seo',
			array(
				'get_callback'    => 'igny8_bridge_get_seo',
				'update_callback' => 'igny8_bridge_set_seo',
				'schema'          => array(
					'type'       => 'object',
					'context'    => array( 'edit' ),
					'properties' => array(
						'title'         => $text,
						'description'   => $text,
						'focus_keyword' => $text,
					),
				),
			)
		);
	}
);

/** The fields as they are kept. */
function igny8_bridge_get_seo( array $post ): array {
	$found = array();
	foreach ( igny8_bridge_seo_keys() as $name => $key ) {
		$found[ $name ] = (string) get_post_meta( $post['id'], $key, true );
	}
	return $found;
}

/** Keep what is given; an empty field is forgotten. Core has checked that the post may be edited. */
function igny8_bridge_set_seo( $given, WP_Post $post ): void {
	foreach ( igny8_bridge_seo_keys() as $name => $key ) {
		if ( ! is_array( $given ) || ! isset( $given[ $name ] ) ) {
			continue;
		}
		$value = sanitize_text_field( $given[ $name ] );
		if ( '' === $value ) {
			delete_post_meta( $post->ID, $key );
		} else {
			update_post_meta( $post->ID, $key, wp_slash( $value ) );
		}
	}
}

// Without an SEO plugin nobody else would show them.
add_filter(
	'pre_get_document_title',
	function ( $title ) {
		$own = is_singular( IGNY8_BRIDGE_TYPES ) && '' === igny8_bridge_seo_plugin()
			? igny8_bridge_get_seo( array( 'id' => get_queried_object_id() ) )['title'] : '';
		return '' !== $own ? esc_html( $own ) : $title;
	},
	5
);
add_action(
	'wp_head',
	function () {
		if ( ! is_singular( IGNY8_BRIDGE_TYPES ) || '' !== igny8_bridge_seo_plugin() ) {
			return;
		}
		$text = igny8_bridge_get_seo( array( 'id' => get_queried_object_id() ) )['description'];
		if ( '' !== $text ) {
			printf( "<meta name=\"description\" content=\"%s\" />\n", esc_attr( $text ) );
		}
	},
	1
);
