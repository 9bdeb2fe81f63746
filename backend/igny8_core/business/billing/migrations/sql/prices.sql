-- The prices of a new installation; an operation that has any price already is left alone.

INSERT INTO billing_creditcostconfig
    (operation_type, unit, version, unit_size, credits_per_unit, min_credits,
     platform_fee_credits, active_from, is_active, display_name, description, sort_order,
     change_reason, created_at, updated_at)
SELECT p.operation_type, p.unit, 1, p.unit_size, p.credits_per_unit, 1, 0, '2020-01-01 00:00+00',
       true, p.display_name, p.description, p.sort_order, 'default price', now(), now()
  FROM (VALUES
    ('clustering', 'per_items', 100, 1, 'Keyword clustering', 'For each 100 keywords', 10),
    ('idea', 'per_items', 10, 1, 'Content ideas', 'For each 10 ideas', 20),
    ('content', 'per_words', 100, 1, 'Writing', 'For each 100 words delivered', 30),
    ('image_prompt', 'per_request', 1, 1, 'Image prompts', 'For the prompts of one article', 40),
    ('image', 'per_images', 1, 5, 'Images', 'For each image', 50),
    ('reparse', 'per_request', 1, 1, 'Reparse', 'For each article', 60),
    ('optimization', 'per_words', 200, 1, 'Optimization', 'For each 200 words delivered', 70)
  ) AS p (operation_type, unit, unit_size, credits_per_unit, display_name, description, sort_order)
 WHERE NOT EXISTS (SELECT 1 FROM billing_creditcostconfig c
                    WHERE c.operation_type = p.operation_type);
