<?php
/**
 * Where events go and how they are signed: set by the platform when an administrator connected it,
 * else pasted in by hand. The secret is never shown again and never autoloaded.
 *
 * @package igny8-bridge
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

add_action(
	'rest_api_init',
	function () {
		$route = array(
			'permission_callback' => function () {
				return current_user_can( 'manage_options' );
			},
		);
		register_rest_route(
			IGNY8_BRIDGE_NAMESPACE,
			'/webhook',
			array(
				array(
					'methods'  => 'PUT',
					'callback' => function ( WP_REST_Request $request ) {
						return igny8_bridge_set_webhook( (string) $request['url'], (string) $request['secret'] );
					},
				) + $route,
				array(
					'methods'  => 'DELETE',
					'callback' => function () {
						delete_option( 'igny8_bridge_url' );
						delete_option( 'igny8_bridge_secret' );
						return array( 'has_webhook' => false );
					},
				) + $route,
			)
		);
	}
);

add_action(
	'admin_menu',
	function () {
		add_options_page( 'IGNY8 Bridge', 'IGNY8 Bridge', 'manage_options', 'igny8-bridge', 'igny8_bridge_page' );
	}
);

/** Keep an address and a secret. */
function igny8_bridge_set_webhook( string $url, string $secret ) {
	$parts     = wp_parse_url( $url ); // the platform may be on a private network: no look-up
	$is_url    = ! empty( $parts['host'] ) && in_array( $parts['scheme'] ?? '', array( 'http', 'https' ), true );
	$is_secret = preg_match( '/\Awhsec_[A-Za-z0-9+\/=]{32,120}\z/', $secret );
	if ( ! $is_url || ! $is_secret ) {
		return new WP_Error( 'igny8_webhook', 'An http(s) address and a secret that starts with whsec_ are needed.', array( 'status' => 400 ) );
	}
	foreach ( array( 'url' => esc_url_raw( $url ), 'secret' => $secret ) as $name => $value ) {
		delete_option( "igny8_bridge_$name" );
		add_option( "igny8_bridge_$name", $value, '', 'no' );
	}
	return array( 'has_webhook' => true );
}

/** The page in the settings of the site. */
function igny8_bridge_page(): void {
	$said = '';
	if ( isset( $_POST['igny8_bridge_url'] ) && check_admin_referer( 'igny8_bridge' ) ) {
		$done = igny8_bridge_set_webhook(
			sanitize_text_field( wp_unslash( $_POST['igny8_bridge_url'] ) ),
			sanitize_text_field( wp_unslash( $_POST['igny8_bridge_secret'] ?? '' ) )
		);
		$said = is_wp_error( $done ) ? $done->get_error_message() : 'Saved.';
	}
	$url = (string) get_option( 'igny8_bridge_url', '' );
	?>
	<div class="wrap">
		<h1>IGNY8 Bridge</h1>
		<?php if ( '' !== $said ) : ?>
			<div class="notice notice-info"><p><?php echo esc_html( $said ); ?></p></div>
		<?php endif; ?>
		<p>IGNY8 shows both values once, where the site is connected. They let it know at once when something changes here.</p>
		<form method="post">
			<?php wp_nonce_field( 'igny8_bridge' ); ?>
			<table class="form-table" role="presentation">
				<tr>
					<th><label for="igny8_bridge_url">Address</label></th>
					<td><input class="regular-text" type="url" id="igny8_bridge_url" name="igny8_bridge_url" required value="<?php echo esc_attr( $url ); ?>"></td>
				</tr>
				<tr>
					<th><label for="igny8_bridge_secret">Secret</label></th>
					<td><input class="regular-text" type="password" autocomplete="off" id="igny8_bridge_secret" name="igny8_bridge_secret" required placeholder="<?php echo esc_attr( '' !== $url ? 'A secret is kept; enter a new one to change it.' : 'whsec_…' ); ?>"></td>
				</tr>
			</table>
			<?php submit_button( 'Save' ); ?>
		</form>
	</div>
	<?php
}
