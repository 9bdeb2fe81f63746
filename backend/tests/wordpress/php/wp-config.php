<?php
// Of a throwaway WordPress; the folder and the port come with the environment.
$igny8_folder = getenv('IGNY8_WP_FOLDER');
$igny8_given = json_decode(file_get_contents("$igny8_folder/run/secrets.json"), true);
define('DB_NAME', 'wp');
define('DB_USER', 'wp');
define('DB_PASSWORD', $igny8_given['db']);
define('DB_HOST', 'localhost:' . $igny8_given['socket']);
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('WP_HOME', 'http://127.0.0.1:' . getenv('IGNY8_WP_PORT'));
define('WP_SITEURL', WP_HOME);
define('WP_ENVIRONMENT_TYPE', 'local'); // application passwords without TLS
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('WP_ACCESSIBLE_HOSTS', '127.0.0.1,localhost');
define('DISABLE_WP_CRON', true); // tests call wp-cron.php themselves
define('AUTOMATIC_UPDATER_DISABLED', true);
define('FS_METHOD', 'direct');
define('WP_DEBUG', true);
define('WP_DEBUG_DISPLAY', false);
define('WP_DEBUG_LOG', "$igny8_folder/log/wp-debug.log");
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT'] as $name) {
    define($name, hash('sha256', $name . $igny8_given['salt']));
}
$table_prefix = 'wp_';
if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
