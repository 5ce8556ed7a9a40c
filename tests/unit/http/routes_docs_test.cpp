#include <gtest/gtest.h>

#include "http/assets.hpp"
#include "tests/unit/http/shop.hpp"

namespace waybill::http {

namespace {

TEST(DocsRoutes, serve_the_document_without_copying_it) {
    Shop shop;
    const Response response = shop.get("/openapi.json");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_TRUE(response.body.empty());
    EXPECT_EQ(response.fixed_body.data(), get_asset("openapi.json").bytes.data());
    EXPECT_TRUE(response.fixed_body.starts_with(R"({"openapi":"3.1.0")")) << response.fixed_body.substr(0, 80);
}

TEST(DocsRoutes, answer_304_to_who_knows_the_document) {
    Shop shop;
    const std::string tag(get_asset("openapi.json").tag);
    for (const std::string& known :
         {tag, "W/" + tag, "\"other\", " + tag, "W/\"a,b\",,\t" + tag + " , \"c\"", std::string("*")}) {
        const Response response = shop.call(Method::get, "/openapi.json", {}, {{"If-None-Match", known}});
        EXPECT_EQ(response.status, 304) << known;
        EXPECT_TRUE(response.fixed_body.empty());
        EXPECT_EQ(header_of(response, "ETag"), tag);
    }
    for (const std::string& other : {std::string("\"other\""), "\"x" + tag + "y\"", "\"x\"" + tag + "\"y\"", tag + "x",
                                     "w/" + tag, "W/ " + tag, tag.substr(0, tag.size() - 1), tag.substr(1), "x, " + tag,
                                     std::string("*, *"), std::string("W/"), std::string()}) {
        EXPECT_EQ(shop.call(Method::get, "/openapi.json", {}, {{"If-None-Match", other}}).status, 200) << other;
    }
    const Response second =
        shop.call(Method::get, "/openapi.json", {}, {{"If-None-Match", "\"other\""}, {"if-none-match", tag}});
    EXPECT_EQ(second.status, 304);
    EXPECT_EQ(header_of(shop.get("/openapi.json"), "Cache-Control"), "public, max-age=300");
}

TEST(DocsRoutes, give_each_file_its_type_and_tag) {
    Shop shop;
    for (const auto& [path, type] : {std::pair{"/docs", "text/html; charset=utf-8"},
                                     {"/docs/docs.js", "text/javascript; charset=utf-8"},
                                     {"/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8"},
                                     {"/docs/docs.css", "text/css; charset=utf-8"},
                                     {"/docs/swagger-ui.css", "text/css; charset=utf-8"},
                                     {"/docs/%64ocs.css", "text/css; charset=utf-8"}}) {
        const Response response = shop.get(path);
        EXPECT_EQ(response.status, 200) << path;
        EXPECT_EQ(response.content_type, type) << path;
        EXPECT_FALSE(response.fixed_body.empty()) << path;
        EXPECT_TRUE(header_of(response, "ETag")) << path;
    }
    EXPECT_NE(shop.get("/docs/docs.css").fixed_body, shop.get("/docs/swagger-ui.css").fixed_body);
}

TEST(DocsRoutes, let_the_page_load_from_its_own_origin_only) {
    Shop shop;
    const std::string policy = header_of(shop.get("/docs"), "Content-Security-Policy").value_or("");
    EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
    EXPECT_NE(policy.find("script-src 'self';"), std::string::npos);
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(policy.find("http"), std::string::npos);
}

}  // namespace

}  // namespace waybill::http
