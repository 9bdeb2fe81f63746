"""Every query that we send to a shop, of the version that is pinned."""

from __future__ import annotations

from typing import Final

_ARTICLE: Final = """
fragment Shown on Article {
  id handle title body summary tags isPublished publishedAt updatedAt
  image { url altText }
  blog { id handle }
  seoTitle: metafield(namespace: "global", key: "title_tag") { value }
  seoDescription: metafield(namespace: "global", key: "description_tag") { value }
}
"""
SHOP: Final = """query Shop { shop { name url primaryDomain { url } }
  currentAppInstallation { accessScopes { handle } }
  blogs(first: 10) { nodes { id handle title } } }"""
FIND: Final = """query Find($query: String!) {
  articles(first: 10, query: $query, sortKey: ID) { nodes { id handle isPublished body } } }"""
READ: Final = """query Read($id: ID!) { article(id: $id) { ...Shown } }""" + _ARTICLE
CREATE: Final = """mutation Create($article: ArticleCreateInput!) {
  articleCreate(article: $article) { article { id handle } userErrors { code field message } } }"""
UPDATE: Final = (
    """mutation Update($id: ID!, $article: ArticleUpdateInput!) {
  articleUpdate(id: $id, article: $article) {
    article { ...Shown } userErrors { code field message } } }"""
    + _ARTICLE
)
DELETE: Final = """mutation Delete($id: ID!) {
  articleDelete(id: $id) { deletedArticleId userErrors { code field message } } }"""
FIND_FILE: Final = """query FindFile($query: String!) {
  files(first: 5, query: $query) {
    nodes { id fileStatus ... on MediaImage { image { url } } } } }"""
STAGE: Final = """mutation Stage($input: [StagedUploadInput!]!) {
  stagedUploadsCreate(input: $input) { stagedTargets { url resourceUrl parameters { name value } }
    userErrors { field message } } }"""
FILE: Final = """mutation File($files: [FileCreateInput!]!) {
  fileCreate(files: $files) { files { id fileStatus } userErrors { code field message } } }"""

ALL: Final = {
    "SHOP": SHOP,
    "FIND": FIND,
    "READ": READ,
    "CREATE": CREATE,
    "UPDATE": UPDATE,
    "DELETE": DELETE,
    "FIND_FILE": FIND_FILE,
    "STAGE": STAGE,
    "FILE": FILE,
}
