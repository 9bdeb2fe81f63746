<?php
// Loads WordPress outside of a request, for code that a test runs.
$_SERVER += [
    'HTTP_HOST' => '127.0.0.1:' . getenv('IGNY8_WP_PORT'), 'REQUEST_URI' => '/', 'REQUEST_METHOD' => 'GET',
    'SERVER_PROTOCOL' => 'HTTP/1.1', 'REMOTE_ADDR' => '127.0.0.1',
];
require getenv('IGNY8_WP_FOLDER') . '/www/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/plugin.php';
