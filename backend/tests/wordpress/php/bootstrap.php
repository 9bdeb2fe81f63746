<?php
// Installs a throwaway WordPress, with one user and one application password for each role.
function wp_new_blog_notification() {} // no mail
define('WP_INSTALLING', true);
require __DIR__ . '/cli.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
$given = json_decode(file_get_contents(getenv('IGNY8_WP_FOLDER') . '/run/secrets.json'), true);
wp_install('Throwaway WordPress', 'admin', 'admin@example.test', true, '', $given['admin']);
update_option('permalink_structure', '/%postname%/');
update_option('timezone_string', 'UTC');
update_option('using_application_passwords', 1);
foreach ([1, 2, 3] as $id) { // sample post, sample page, privacy draft
    wp_delete_post($id, true);
}
$themes = array_keys(wp_get_themes());
if ($themes && !in_array(get_option('stylesheet'), $themes, true)) {
    switch_theme(end($themes));
}
flush_rewrite_rules(false);
$users = [];
foreach (['admin' => 'administrator', 'editor' => 'editor', 'author' => 'author', 'contributor' => 'contributor', 'subscriber' => 'subscriber'] as $login => $role) {
    $known = get_user_by('login', $login);
    $id = $known ? $known->ID : wp_insert_user(['user_login' => $login, 'user_pass' => wp_generate_password(), 'user_email' => "$login@example.test", 'role' => $role]);
    [$password] = WP_Application_Passwords::create_new_application_password($id, ['name' => 'tests']);
    $users[$login] = ['id' => $id, 'application_password' => $password];
}
echo json_encode(['users' => $users, 'version' => get_bloginfo('version')]);
