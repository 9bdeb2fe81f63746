<?php
/* A must-use plugin of throwaway sites: requests that ask for their own failure, and hosts that
 * are set up badly.
 *
 * X-Test-Fault, of one request (several with commas):
 *   lost             carried out, then the connection ends in the middle of the answer
 *   status=503       an HTML page with that status, nothing carried out
 *   after-status=500 carried out, then an HTML page with that status
 *   junk             carried out, a PHP notice before the JSON
 *   sleep=2          waits first; a client that gives up meets a write that comes late
 *   sleep-after=2    carried out, then waits
 *
 * run/host-fault, of the whole host, until the file says something else: see the switch below. */
if (!defined('ABSPATH')) { exit; }

function igny8_test_fault(string $name): ?string {
    foreach (explode(',', $_SERVER['HTTP_X_TEST_FAULT'] ?? '') as $part) {
        [$key, $value] = array_pad(explode('=', trim($part), 2), 2, '1');
        if ($key === $name) { return $value; }
    }
    return null;
}
function igny8_test_page(int $status, string $title = 'test fault'): void {
    status_header($status);
    header('Content-Type: text/html; charset=UTF-8');
    if ($status === 429 || $status === 503) { header('Retry-After: 1'); }
    echo "<html><head><title>$title</title></head><body><h1>$status $title</h1></body></html>";
    exit;
}
add_filter('rest_pre_dispatch', function ($result) {
    if ($seconds = igny8_test_fault('sleep')) { ignore_user_abort(true); usleep((int) ((float) $seconds * 1e6)); }
    if ($status = igny8_test_fault('status')) { igny8_test_page((int) $status); }
    return $result;
}, 0);
add_filter('rest_pre_serve_request', function ($served) {
    if (igny8_test_fault('sleep')) { update_option('igny8_test_late', 1 + (int) get_option('igny8_test_late')); }
    if ($seconds = igny8_test_fault('sleep-after')) { usleep((int) ((float) $seconds * 1e6)); }
    if (igny8_test_fault('lost')) { header('Content-Length: 1000000'); echo '{'; exit; }
    if ($status = igny8_test_fault('after-status')) { igny8_test_page((int) $status); }
    if (igny8_test_fault('junk')) { echo "<br />\n<b>Notice</b>:  Undefined variable: x in <b>/plugin.php</b> on line <b>1</b><br />\n"; }
    return $served;
}, 0);

$igny8_is_rest = str_starts_with($_SERVER['REQUEST_URI'] ?? '', '/wp-json') || isset($_GET['rest_route']);
switch (trim((string) @file_get_contents(getenv('IGNY8_WP_FOLDER') . '/run/host-fault'))) {
    case 'header_stripped': // CGI without CGIPassAuth
        unset($_SERVER['PHP_AUTH_USER'], $_SERVER['PHP_AUTH_PW'], $_SERVER['HTTP_AUTHORIZATION']);
        break;
    case 'header_stripped_no_xmlrpc':
        unset($_SERVER['PHP_AUTH_USER'], $_SERVER['PHP_AUTH_PW'], $_SERVER['HTTP_AUTHORIZATION']);
        if (str_starts_with($_SERVER['REQUEST_URI'] ?? '', '/xmlrpc.php')) { igny8_test_page(405); }
        break;
    case 'rest_locked': // a security plugin
        add_filter('rest_authentication_errors', fn() => new WP_Error('rest_login_required', 'REST API restricted.', ['status' => 401]), 200);
        break;
    case 'no_application_passwords':
        add_filter('wp_is_application_passwords_available', '__return_false');
        break;
    case 'firewall': // lets reads pass, turns writes away
        if ($igny8_is_rest && ($_SERVER['REQUEST_METHOD'] ?? '') === 'POST') { igny8_test_page(403, 'Access denied'); }
        break;
    case 'uploads_broken':
        add_filter('upload_dir', fn($dirs) => ['error' => 'Unable to create directory.'] + $dirs);
        break;
    case 'maintenance':
        igny8_test_page(503, 'Briefly unavailable for scheduled maintenance');
        break;
    case 'moved': // another host, as www. and https rules do
        if ($igny8_is_rest) {
            header('Location: http://localhost:' . getenv('IGNY8_WP_PORT') . $_SERVER['REQUEST_URI'], true, 301);
            if (str_starts_with($_SERVER['HTTP_HOST'], '127.')) { exit; }
            header_remove('Location'); status_header(200);
        }
        break;
    case 'no_rest':
        if ($igny8_is_rest) { igny8_test_page(404, 'Not found'); }
        break;
    case 'plain_permalinks':
        if (str_starts_with($_SERVER['REQUEST_URI'] ?? '', '/wp-json')) { igny8_test_page(404, 'Not found'); }
        break;
    case 'polluted':
        add_filter('rest_pre_serve_request', function ($served) { echo "<br />\n<b>Warning</b>: [x] in {y}<br />\n"; return $served; }, 1);
        break;
    case 'filtered': // a plugin that rewrites what is saved
        add_filter('content_save_pre', fn($text) => 'replaced', 99);
        break;
}
