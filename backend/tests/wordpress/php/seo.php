<?php
/* A must-use plugin of throwaway sites: what an SEO plugin shows of itself to the outside, and no
 * more of it. run/seo-plugin names one, and how its fields can be written:
 *
 *   yoast, rank_math_fields, seopress_fields, the_seo_framework   meta fields, open in REST
 *   rank_math, seopress                                           a route of its own
 *   yoast_closed, aioseo                                          neither
 *   seopress_refusing                                             a route that turns us away */
if (!defined('ABSPATH')) { exit; }

[$igny8_seo, $igny8_seo_way] = (function () {
    $said = trim((string) @file_get_contents(getenv('IGNY8_WP_FOLDER') . '/run/seo-plugin'));
    foreach (['yoast', 'rank_math', 'seopress', 'the_seo_framework', 'aioseo'] as $name) {
        if (str_starts_with($said, $name)) { return [$name, trim(substr($said, strlen($name)), '_')]; }
    }
    return ['', ''];
})();
const IGNY8_SEO_KEYS = [
    'yoast' => ['_yoast_wpseo_title', '_yoast_wpseo_metadesc', '_yoast_wpseo_focuskw'],
    'rank_math' => ['rank_math_title', 'rank_math_description', 'rank_math_focus_keyword'],
    'seopress' => ['_seopress_titles_title', '_seopress_titles_desc', '_seopress_analysis_target_kw'],
    'the_seo_framework' => ['_genesis_title', '_genesis_description'],
];
const IGNY8_SEO_NAMESPACES = ['yoast' => 'yoast/v1', 'rank_math' => 'rankmath/v1', 'seopress' => 'seopress/v1', 'aioseo' => 'aioseo/v1'];

if ($igny8_seo === 'yoast') { define('WPSEO_VERSION', '28.0'); }
if ($igny8_seo === 'seopress') { define('SEOPRESS_VERSION', '10.1'); }
if ($igny8_seo === 'the_seo_framework') { define('THE_SEO_FRAMEWORK_VERSION', '5.1'); }
if ($igny8_seo === 'rank_math') { class RankMath {} }
if ($igny8_seo === 'aioseo') { function aioseo() { return null; } }

$igny8_seo_has_fields = $igny8_seo_way === 'fields' || ($igny8_seo_way === '' && in_array($igny8_seo, ['yoast', 'the_seo_framework'], true));
add_action('init', function () use ($igny8_seo, $igny8_seo_has_fields) {
    foreach ($igny8_seo_has_fields ? IGNY8_SEO_KEYS[$igny8_seo] : [] as $key) {
        register_post_meta('post', $key, ['type' => 'string', 'single' => true,
            'show_in_rest' => ['schema' => ['type' => 'string', 'context' => ['edit']]],
            'auth_callback' => fn($allowed, $meta_key, $id, $user) => user_can($user, 'edit_post', $id)]);
    }
});
add_action('rest_api_init', function () use ($igny8_seo, $igny8_seo_way) {
    if (!isset(IGNY8_SEO_NAMESPACES[$igny8_seo])) { return; }
    $space = IGNY8_SEO_NAMESPACES[$igny8_seo];
    register_rest_route($space, '/here', ['methods' => 'GET', 'callback' => '__return_true', 'permission_callback' => '__return_true']);
    $may = fn($request) => $igny8_seo_way !== 'refusing' && current_user_can('edit_post', (int) ($request['id'] ?? $request['objectID']));
    if ($igny8_seo === 'rank_math' && $igny8_seo_way === '') {
        register_rest_route($space, '/updateMeta', ['methods' => 'POST', 'permission_callback' => $may, 'callback' => function ($request) {
            foreach ($request['meta'] as $key => $value) { update_post_meta((int) $request['objectID'], $key, $value); }
            return ['slug' => true, 'schemas' => []];
        }]);
    }
    if ($igny8_seo === 'seopress' && $igny8_seo_way !== 'fields') {
        $route = fn($path, $keys) => register_rest_route($space, "/posts/(?P<id>\\d+)/$path", ['methods' => 'PUT', 'permission_callback' => $may, 'callback' => function ($request) use ($keys) {
            foreach ($keys as $word => $key) { if (isset($request[$word])) { update_post_meta((int) $request['id'], $key, $request[$word]); } }
            return ['code' => 'success'];
        }]);
        $route('title-description-metas', ['title' => '_seopress_titles_title', 'description' => '_seopress_titles_desc']);
        $route('target-keywords', ['_seopress_analysis_target_kw' => '_seopress_analysis_target_kw']);
    }
});
