"""Pairs of pages that one article serves, and pairs that need two: written by hand for the guard.

A line is ``label | keyword | title | keyword | title``; a page that another program brought often
has no keyword, an idea often no title yet. ``=`` is a duplicate: whoever searches for the one is
served by an article about the other. ``#`` is not: another intent, model, place, audience or thing.
The halves are split by a hash of the line, before anything was measured on them; parameters were
chosen on the first half alone.
"""
# ruff: noqa: E501 - a pair is one line: its hash decides which half it is in

from __future__ import annotations

import hashlib
from typing import NamedTuple

PAIRS = """
= | best running shoes for flat feet | Best Running Shoes for Flat Feet | running shoes for flat feet best | Top 10 Running Shoes for Flat Feet in 2026
= | how to clean suede shoes | How to Clean Suede Shoes | cleaning suede shoes | Cleaning Suede Shoes: Step by Step
= | standing desk | Standing Desks: A Buyer's Guide | standing desks | Standing Desk Buying Guide
= | what is a sourdough starter | What Is a Sourdough Starter? | sourdough starter meaning | Sourdough Starter Explained
= | how much does a new roof cost | How Much Does a New Roof Cost? | new roof cost | New Roof Costs in 2025
= | dog food for puppies | | puppy food | Puppy Food: What to Look For
= | best budget laptop | Best Budget Laptops | cheap laptops | The Best Cheap Laptops
= | couch cleaning | How to Clean a Couch | sofa cleaning | How to Clean Your Sofa
= | notion vs evernote | Notion vs. Evernote | evernote vs notion | Evernote or Notion: Which One Fits?
= | mailchimp alternatives | Mailchimp Alternatives | alternatives to mailchimp | 9 Alternatives to Mailchimp
= | kids birthday party ideas | | birthday party ideas for kids | Birthday Party Ideas for Children
= | how to fix a leaky tap | Fix a Leaky Tap | how to repair a dripping faucet | How to Repair a Dripping Faucet
= | best coffee grinder 2025 | The Best Coffee Grinders of 2025 | best coffee grinder 2026 | The Best Coffee Grinders of 2026
= | grey sofa | Grey Sofas | gray sofas | Gray Sofas: Styles and Sizes
= | wedding speech examples | Wedding Speech Examples | examples of wedding speeches | 12 Examples of Wedding Speeches
= | | How to Prune Roses: A Step-by-Step Guide | pruning roses | Pruning Roses
= | how to lose belly fat | | lose belly fat | How to Lose Belly Fat
= | crm for small business | CRM for Small Businesses | small business crm | Small Business CRM: What to Check
= | e-bike insurance | E-Bike Insurance | ebike insurance | Ebike Insurance Explained
= | vegan protein sources | Vegan Sources of Protein | vegan sources of protein | Protein Sources for Vegans
= | car rental | Car Rental: What to Know | car hire | Car Hire Guide
= | best electric toothbrush | Best Electric Toothbrushes | top electric toothbrushes | Top Electric Toothbrushes Compared
= | mattress for side sleepers | | best mattress for side sleepers | Best Mattresses for Side Sleepers
= | how to tie a tie | How to Tie a Tie | tying a tie | Tying a Tie in Six Steps
= | solar panel installation cost | Solar Panel Installation Costs | cost of installing solar panels | What Does It Cost to Install Solar Panels?
= | yoga for beginners | Yoga for Beginners | beginner yoga | Beginner Yoga: Where to Start
= | paint colors for living room | Living Room Paint Colors | living room paint colours | Paint Colours for the Living Room
= | what is the best time to water plants | | best time to water plants | When to Water Plants
= | seo checklist | SEO Checklist | checklist for seo | The SEO Checklist 2026
= | kitchen island lighting ideas | | lighting ideas for kitchen island | Lighting Ideas for a Kitchen Island
= | is coconut oil healthy | Is Coconut Oil Healthy? | is coconut oil good for you | Is Coconut Oil Good for You?
= | home gym equipment | Home Gym Equipment | equipment for home gym | Equipment for Your Home Gym
= | wooden garden bench | Wooden Garden Benches | garden bench wood | Garden Benches Made of Wood
= | remove coffee stains from carpet | | how to get coffee stains out of carpet | How to Get Coffee Stains Out of Carpet
= | affordable wedding dresses | Affordable Wedding Dresses | cheap wedding dresses | Cheap Wedding Dresses
= | email marketing software | Email Marketing Software | email marketing tools | The Best Email Marketing Tools
= | dog won't eat | Why Your Dog Won't Eat | why is my dog not eating | Dog Not Eating? Reasons and What to Do
= | bathroom vanity with sink | Bathroom Vanities with Sink | bathroom sink vanity | Bathroom Sink Vanities
= | python list tutorial | Python Lists: A Tutorial | tutorial python lists | Tutorial: Lists in Python
= | | 15 Small Balcony Ideas | small balcony ideas | Small Balcony Ideas
= | hiking boots for women | Hiking Boots for Women | women's hiking boots | Women's Hiking Boots
= | how long to boil eggs | How Long to Boil Eggs | boiling eggs time | Egg Boiling Times
= | toddler bed | Toddler Beds | beds for toddlers | Beds for Toddlers
= | project management software | Project Management Software | software for project management | Project Management Software Guide
= | air fryer recipes | Air Fryer Recipes | recipes for air fryer | 30 Recipes for the Air Fryer
= | plumber near me | Plumbers Near You | plumbers near me | Find a Plumber Near You
= | hotel in rome | Hotels in Rome | rome hotels | Rome Hotels: Where to Stay
= | trampoline 12ft | 12ft Trampolines | 12 ft trampoline | 12 ft Trampoline Buying Guide
= | iphone 16 case | iPhone 16 Cases | cases for iphone 16 | Cases for the iPhone 16
= | removing wallpaper | Removing Wallpaper | how to remove wallpaper | How to Remove Wallpaper Fast
= | best vacuum for pet hair | Best Vacuums for Pet Hair | vacuum cleaner for pet hair | Best Vacuum Cleaners for Pet Hair
= | what does a realtor do | What Does a Realtor Do? | what do realtors do | What Do Realtors Do?
= | lawn mower repair | Lawn Mower Repair | repair lawn mower | Repairing a Lawn Mower
= | difference between llc and s corp | LLC or S Corp? | llc vs s corp | LLC vs. S Corp: Key Differences
= | natural remedies for headaches | | home remedies for headache | Home Remedies for Headaches
= | cost of braces for adults | | adult braces cost | What Adult Braces Cost
= | moving checklist | Moving Checklist | checklist for moving house | Moving House Checklist
= | wireless earbuds | Wireless Earbuds | wireless ear buds | Wireless Ear Buds Compared
= | photography tips for beginners | | beginner photography tips | Photography Tips for Beginners
= | | The Complete Guide to Composting | composting guide | Composting: A Guide
= | ikea kallax hacks | IKEA Kallax Hacks | kallax hacks | Kallax Hacks Worth Trying
= | leather sofa care | Leather Sofa Care | how to care for a leather sofa | How to Care for a Leather Couch
= | invoice template free | Free Invoice Templates | free invoice template | Free Invoice Template to Download
= | best time to visit japan | Best Time to Visit Japan | when to visit japan | When to Visit Japan
= | ergonomic office chair | Ergonomic Office Chairs | office chairs ergonomic | Ergonomic Chairs for the Office
= | hair loss in women | Hair Loss in Women | female hair loss | Female Hair Loss: Causes and Help
= | raised garden bed plans | | plans for raised garden beds | Plans for Raised Garden Beds
= | mortgage calculator | Mortgage Calculator | calculator for mortgage | Mortgage Calculators Explained
= | resume examples | Resume Examples | cv examples | CV Examples
= | tv wall mount installation | | how to mount a tv on the wall | How to Mount a TV on a Wall
= | low carb breakfast | Low-Carb Breakfasts | low carb breakfast ideas | Low-Carb Breakfast Ideas
= | children's car seat | Children's Car Seats | kids car seat | Kids' Car Seats
= | bike helmet | Bike Helmets | bicycle helmets | Bicycle Helmets: How to Choose
= | how do heat pumps work | How Do Heat Pumps Work? | how a heat pump works | How a Heat Pump Works
= | web hosting for wordpress | Web Hosting for WordPress | wordpress hosting | WordPress Hosting Compared
= | pillow for neck pain | Pillows for Neck Pain | best pillows for neck pain | The Best Pillows for Neck Pain
= | gluten free pancakes recipe | | recipe for gluten-free pancakes | Gluten-Free Pancakes
= | outdoor rug | Outdoor Rugs | rugs for outdoors | Rugs for Outdoors
= | shopify review | Shopify Review | shopify reviews 2026 | Shopify Review: Is It Worth It?
= | what to wear to a job interview | | job interview outfit | Job Interview Outfits: What to Wear
= | baby names girl | Baby Girl Names | baby girl names | Baby Girl Names from A to Z
= | luggage size for carry on | Carry-On Luggage Size | carry on size | Carry-On Size: What Airlines Allow
= | engagement ring styles | Engagement Ring Styles | styles of engagement rings | Styles of Engagement Rings
= | tomato plant diseases | Tomato Plant Diseases | diseases of tomato plants | Common Diseases of Tomatoes
= | get rid of ants in kitchen | | how to get rid of ants in the kitchen | How to Get Rid of Ants in the Kitchen
= | freelance writing jobs | Freelance Writing Jobs | jobs for freelance writers | Jobs for Freelance Writers
= | best paint for kitchen cabinets | | kitchen cabinet paint | Kitchen Cabinet Paint: What Works
= | dog training tips | Dog Training Tips | tips for training your dog | Tips for Training a Dog
= | window replacement cost | Window Replacement Costs | cost to replace windows | How Much Does It Cost to Replace Windows?
= | home insurance quote | Home Insurance Quotes | house insurance quotes | House Insurance Quotes
= | stretch marks removal | How to Remove Stretch Marks | how to get rid of stretch marks | Getting Rid of Stretch Marks
= | cordless drill | Cordless Drills | cordless drills 2025 | Cordless Drills of 2025
= | learn spanish online | Learn Spanish Online | online spanish lessons | Online Spanish Lessons
= | best laptop for students | | student laptops | Student Laptops
= | dishwasher not draining | Dishwasher Not Draining? | why is my dishwasher not draining | Why a Dishwasher Does Not Drain
= | types of mattresses | Types of Mattresses | mattress types | Mattress Types Explained
= | lash extensions price | Lash Extension Prices | how much are lash extensions | How Much Are Lash Extensions?
= | winter coat men | Men's Winter Coats | mens winter coats | Winter Coats for Men
= | garden shed | Garden Sheds | sheds for the garden | Garden Sheds: A Guide
= | | Why Is My Internet So Slow? | slow internet | Slow Internet: Causes and Fixes
= | accounting software small business | | small business accounting software | Accounting Software for Small Businesses
= | tips for better sleep | Tips for Better Sleep | how to sleep better | How to Sleep Better
= | chrome bathroom light | Chrome Bathroom Lights | bathroom lights chrome | Bathroom Lights in Chrome
= | used cars for sale | Used Cars for Sale | second hand cars for sale | Second-Hand Cars for Sale
= | knitting patterns for beginners | | easy knitting patterns | Easy Knitting Patterns
= | vitamin d deficiency symptoms | | symptoms of vitamin d deficiency | Symptoms of Vitamin D Deficiency
= | fence installation | Fence Installation | how to install a fence | How to Install a Fence
= | hot tub maintenance | Hot Tub Maintenance | maintaining a hot tub | Maintaining a Hot Tub
= | smart tv buying guide | Smart TV Buying Guide | how to choose a smart tv | How to Choose a Smart TV
# | best running shoes for flat feet | Best Running Shoes for Flat Feet | best running shoes for wide feet | Best Running Shoes for Wide Feet
# | how to clean suede shoes | How to Clean Suede Shoes | how to clean white sneakers | How to Clean White Sneakers
# | standing desk | Standing Desks | standing desk mat | Standing Desk Mats
# | sourdough starter recipe | Sourdough Starter Recipe | sourdough bread recipe | Sourdough Bread Recipe
# | new roof cost | New Roof Costs | roof repair cost | Roof Repair Costs
# | puppy food | Puppy Food | senior dog food | Senior Dog Food
# | best budget laptop | Best Budget Laptops | best gaming laptop | Best Gaming Laptops
# | sofa cleaning | How to Clean a Sofa | carpet cleaning | How to Clean a Carpet
# | notion vs evernote | Notion vs. Evernote | notion vs trello | Notion vs. Trello
# | mailchimp alternatives | Mailchimp Alternatives | mailchimp pricing | Mailchimp Pricing
# | iphone 15 case | iPhone 15 Cases | iphone 16 case | iPhone 16 Cases
# | samsung galaxy s24 review | Galaxy S24 Review | samsung galaxy s25 review | Galaxy S25 Review
# | trampoline 12ft | 12ft Trampolines | trampoline 14ft | 14ft Trampolines
# | plumber in leeds | Plumbers in Leeds | plumber in bristol | Plumbers in Bristol
# | hotels in rome | Hotels in Rome | hotels in paris | Hotels in Paris
# | flights london to new york | Flights from London to New York | flights new york to london | Flights from New York to London
# | men's hiking boots | Men's Hiking Boots | women's hiking boots | Women's Hiking Boots
# | indoor plants | Indoor Plants | outdoor plants | Outdoor Plants
# | sofa bed with storage | Sofa Beds with Storage | sofa bed without storage | Sofa Beds without Storage
# | what is a heat pump | What Is a Heat Pump? | heat pump cost | Heat Pump Costs
# | how to buy bitcoin | How to Buy Bitcoin | how to sell bitcoin | How to Sell Bitcoin
# | best coffee grinder | Best Coffee Grinders | how to clean a coffee grinder | How to Clean a Coffee Grinder
# | shopify pricing | Shopify Pricing | shopify review | Shopify Review
# | shopify alternatives | Shopify Alternatives | shopify vs woocommerce | Shopify vs. WooCommerce
# | garden hose | Garden Hoses | garden hose reel | Garden Hose Reels
# | leather sofa | Leather Sofas | how to clean a leather sofa | How to Clean a Leather Sofa
# | yoga for beginners | Yoga for Beginners | pilates for beginners | Pilates for Beginners
# | yoga for beginners | Yoga for Beginners | yoga for back pain | Yoga for Back Pain
# | wedding speech examples | Wedding Speech Examples | wedding invitation examples | Wedding Invitation Examples
# | father of the bride speech | Father of the Bride Speeches | best man speech | Best Man Speeches
# | crm for small business | CRM for Small Businesses | crm for real estate | CRM for Real Estate
# | term life insurance | Term Life Insurance | whole life insurance | Whole Life Insurance
# | car insurance quotes | Car Insurance Quotes | home insurance quotes | Home Insurance Quotes
# | debit card | Debit Cards | credit card | Credit Cards
# | gain weight fast | How to Gain Weight Fast | lose weight fast | How to Lose Weight Fast
# | python list tutorial | Python Lists | python dictionary tutorial | Python Dictionaries
# | python 2 vs 3 | Python 2 vs. 3 | python vs java | Python vs. Java
# | best vacuum for pet hair | Best Vacuums for Pet Hair | best vacuum for hardwood floors | Best Vacuums for Hardwood Floors
# | cordless drill | Cordless Drills | cordless vacuum | Cordless Vacuums
# | bathroom vanity | Bathroom Vanities | bathroom vanity light | Bathroom Vanity Lights
# | living room paint colors | Living Room Paint Colors | bedroom paint colors | Bedroom Paint Colors
# | kitchen cabinet paint | Kitchen Cabinet Paint | kitchen cabinet handles | Kitchen Cabinet Handles
# | toddler bed | Toddler Beds | toddler car seat | Toddler Car Seats
# | baby boy names | Baby Boy Names | baby girl names | Baby Girl Names
# | low carb breakfast | Low-Carb Breakfasts | low carb dinner | Low-Carb Dinners
# | vegan breakfast ideas | Vegan Breakfast Ideas | vegan lunch ideas | Vegan Lunch Ideas
# | air fryer recipes | Air Fryer Recipes | air fryer reviews | Air Fryer Reviews
# | air fryer chicken wings | Air Fryer Chicken Wings | air fryer salmon | Air Fryer Salmon
# | web hosting | Web Hosting | web design | Web Design
# | email marketing | Email Marketing | content marketing | Content Marketing
# | email marketing software | Email Marketing Software | email marketing examples | Email Marketing Examples
# | seo checklist | SEO Checklist | seo audit tools | SEO Audit Tools
# | solar panels cost | Solar Panel Costs | solar panel cleaning | Solar Panel Cleaning
# | window replacement cost | Window Replacement Costs | window cleaning cost | Window Cleaning Costs
# | ev charger installation | EV Charger Installation | boiler installation | Boiler Installation
# | dog training tips | Dog Training Tips | cat training tips | Cat Training Tips
# | dog not eating | Dog Not Eating | dog eating grass | Dog Eating Grass
# | hair loss in women | Hair Loss in Women | hair loss in men | Hair Loss in Men
# | migraine symptoms | Migraine Symptoms | migraine treatment | Migraine Treatment
# | vitamin d deficiency symptoms | Vitamin D Deficiency Symptoms | vitamin b12 deficiency symptoms | Vitamin B12 Deficiency Symptoms
# | best time to visit japan | Best Time to Visit Japan | japan travel cost | What a Trip to Japan Costs
# | best time to visit japan | Best Time to Visit Japan | best time to visit thailand | Best Time to Visit Thailand
# | things to do in lisbon | Things to Do in Lisbon | where to stay in lisbon | Where to Stay in Lisbon
# | carry on luggage | Carry-On Luggage | checked luggage | Checked Luggage
# | 5 day keto meal plan | 5-Day Keto Meal Plan | 30 day keto meal plan | 30-Day Keto Meal Plan
# | 2 bedroom house plans | 2-Bedroom House Plans | 3 bedroom house plans | 3-Bedroom House Plans
# | queen size mattress | Queen Size Mattresses | king size mattress | King Size Mattresses
# | memory foam mattress | Memory Foam Mattresses | latex mattress | Latex Mattresses
# | mattress for side sleepers | Mattresses for Side Sleepers | mattress for heavy people | Mattresses for Heavy People
# | pillow for neck pain | Pillows for Neck Pain | exercises for neck pain | Exercises for Neck Pain
# | what causes hiccups | What Causes Hiccups? | how to stop hiccups | How to Stop Hiccups
# | how to get rid of ants | How to Get Rid of Ants | how to get rid of mice | How to Get Rid of Mice
# | ant bait | Ant Bait | ant farm | Ant Farms
# | wooden garden bench | Wooden Garden Benches | metal garden bench | Metal Garden Benches
# | grey sofa | Grey Sofas | green sofa | Green Sofas
# | corner sofa | Corner Sofas | sofa table | Sofa Tables
# | outdoor rug | Outdoor Rugs | outdoor furniture | Outdoor Furniture
# | rug cleaning | Rug Cleaning | rug sizes | Rug Sizes
# | freelance writing jobs | Freelance Writing Jobs | freelance design jobs | Freelance Design Jobs
# | remote jobs | Remote Jobs | remote control | Remote Controls
# | resume examples | Resume Examples | cover letter examples | Cover Letter Examples
# | how to write a resume | How to Write a Resume | resume examples | Resume Examples
# | job interview outfit | Job Interview Outfits | job interview questions | Job Interview Questions
# | llc vs s corp | LLC vs. S Corp | how to form an llc | How to Form an LLC
# | personal loan | Personal Loans | student loan | Student Loans
# | mortgage calculator | Mortgage Calculator | mortgage rates | Mortgage Rates
# | import duty uk | UK Import Duty | export duty uk | UK Export Duty
# | apple watch bands | Apple Watch Bands | apple watch charger | Apple Watch Chargers
# | macbook air vs pro | MacBook Air vs. Pro | macbook air review | MacBook Air Review
# | android phones under 300 | Android Phones under 300 | android phones under 500 | Android Phones under 500
# | bluetooth speaker | Bluetooth Speakers | bluetooth headphones | Bluetooth Headphones
# | wireless earbuds | Wireless Earbuds | wired earbuds | Wired Earbuds
# | ps5 games | PS5 Games | xbox games | Xbox Games
# | 4k monitor | 4K Monitors | ultrawide monitor | Ultrawide Monitors
# | monitor stand | Monitor Stands | monitor arm | Monitor Arms
# | espresso machine | Espresso Machines | espresso beans | Espresso Beans
# | how to make cold brew | How to Make Cold Brew | cold brew vs iced coffee | Cold Brew vs. Iced Coffee
# | green tea benefits | Green Tea Benefits | green tea side effects | Green Tea Side Effects
# | rose pruning | Rose Pruning | rose fertilizer | Rose Fertilizers
# | when to plant tomatoes | When to Plant Tomatoes | how to store tomatoes | How to Store Tomatoes
# | raised garden beds | Raised Garden Beds | raised bed soil | Soil for Raised Beds
# | lawn mower repair | Lawn Mower Repair | lawn mower reviews | Lawn Mower Reviews
# | hot tub maintenance | Hot Tub Maintenance | hot tub prices | Hot Tub Prices
# | swimming pool cost | Swimming Pool Costs | swimming lessons cost | Swimming Lesson Costs
# | wedding dresses | Wedding Dresses | wedding guest dresses | Wedding Guest Dresses
# | plus size wedding dresses | Plus-Size Wedding Dresses | short wedding dresses | Short Wedding Dresses
# | engagement rings | Engagement Rings | wedding rings | Wedding Rings
# | bike helmet | Bike Helmets | bike lock | Bike Locks
# | e-bike insurance | E-Bike Insurance | e-bike batteries | E-Bike Batteries
# | mountain bike | Mountain Bikes | road bike | Road Bikes
# | tennis racket for beginners | Tennis Rackets for Beginners | badminton racket for beginners | Badminton Rackets for Beginners
# | marathon training plan | Marathon Training Plan | half marathon training plan | Half-Marathon Training Plan
# | protein powder | Protein Powder | protein bars | Protein Bars
# | learn spanish online | Learn Spanish Online | learn french online | Learn French Online
# | spanish verbs | Spanish Verbs | spanish nouns | Spanish Nouns
# | divorce lawyer | Divorce Lawyers | criminal lawyer | Criminal Lawyers
# | divorce lawyer cost | What a Divorce Lawyer Costs | how to file for divorce | How to File for Divorce
# | dentist near me | Dentists Near You | dentist salary | What Dentists Earn
# | teeth whitening at home | Teeth Whitening at Home | teeth whitening cost | Teeth Whitening Costs
# | adult braces cost | Adult Braces Costs | invisalign cost | Invisalign Costs
# | accounting software | Accounting Software | payroll software | Payroll Software
# | quickbooks login | QuickBooks Login | quickbooks tutorial | QuickBooks Tutorial
# | free invoice template | Free Invoice Templates | free contract template | Free Contract Templates
# | before surgery diet | Diet before Surgery | after surgery diet | Diet after Surgery
# | hot yoga | Hot Yoga | cold plunge | Cold Plunges
# | chrome bathroom light | Chrome Bathroom Lights | brass bathroom light | Brass Bathroom Lights
# | 4 light vanity light | 4-Light Vanity Lights | 6 light vanity light | 6-Light Vanity Lights
# | fence installation cost | Fence Installation Costs | fence painting | Fence Painting
# | moving checklist | Moving Checklist | moving boxes | Moving Boxes
# | moving companies chicago | Moving Companies in Chicago | moving companies dallas | Moving Companies in Dallas
# | coworking space berlin | Coworking Spaces in Berlin | coworking space munich | Coworking Spaces in Munich
# | what is machine learning | What Is Machine Learning? | machine learning jobs | Machine Learning Jobs
# | machine learning course | Machine Learning Courses | deep learning course | Deep Learning Courses
# | salesforce certification | Salesforce Certification | salesforce pricing | Salesforce Pricing
# | camping tent 4 person | 4-Person Tents | camping tent 8 person | 8-Person Tents
# | camping stove | Camping Stoves | camping chair | Camping Chairs
# | ski resorts austria | Ski Resorts in Austria | ski resorts france | Ski Resorts in France
# | ski jacket men | Men's Ski Jackets | ski pants men | Men's Ski Pants
# | christmas gifts for dad | Christmas Gifts for Dad | christmas gifts for mum | Christmas Gifts for Mum
# | christmas gifts for dad | Christmas Gifts for Dad | birthday gifts for dad | Birthday Gifts for Dad
# | paper plane instructions | How to Fold a Paper Plane | paper boat instructions | How to Fold a Paper Boat
# | | 20 Kitchen Storage Ideas | kitchen lighting ideas | Kitchen Lighting Ideas
# | | Our New Office in Hamburg | office chair | Office Chairs
# | | Privacy Policy | website privacy check | How to Check a Website's Privacy
# | grief counselling | Grief Counselling | marriage counselling | Marriage Counselling
# | how to install windows 11 | How to Install Windows 11 | how to install vinyl windows | How to Install Vinyl Windows
# | jaguar speed | How Fast Is a Jaguar? | jaguar car prices | Jaguar Car Prices
# | bass fishing lures | Bass Fishing Lures | bass guitar strings | Bass Guitar Strings
"""


class Pair(NamedTuple):
    """Two pages as (keyword, title), and whether one article serves both."""

    is_duplicate: bool
    one: tuple[str, str]
    other: tuple[str, str]


def _read() -> list[tuple[str, Pair]]:
    found = []
    for line in PAIRS.strip().splitlines():
        label, *texts = (part.strip() for part in line.split("|"))
        keyword, title, other_keyword, other_title = texts
        pair = Pair(label == "=", (keyword, title), (other_keyword, other_title))
        found.append((line, pair))
    return found


def _is_held_out(line: str) -> bool:
    return hashlib.blake2b(line.encode(), digest_size=2).digest()[0] % 2 == 1


TUNED_ON = [pair for line, pair in _read() if not _is_held_out(line)]
HELD_OUT = [pair for line, pair in _read() if _is_held_out(line)]
