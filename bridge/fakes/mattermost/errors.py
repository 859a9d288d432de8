"""The errors of a Mattermost server: what is raised inside, and both bodies that servers make of it.

Newer servers answer a webhook with ``web.incoming_webhook.general.app_error`` and the cause's status; the cause is in
``detailed_error``, which production servers leave empty, and the message holds the hook's id: the secret.
"""

from __future__ import annotations

import json

from bridge.fakes.exchange import Headers, Reply
from bridge.fakes.mattermost.settings import Settings

JSON: Headers = ((b"content-type", b"application/json"),)
_PLAIN: Headers = ((b"content-type", b"text/plain; charset=utf-8"),)

_TEXTS = {
    "api.channel.create_direct_channel.invalid_user.app_error": "Invalid user ID for direct channel creation.",
    "api.context.404.app_error": "Sorry, we could not find the page.",
    "api.context.invalid_body_param.app_error": "Invalid or missing {name} in request body.",
    "api.context.invalid_param.app_error": "Invalid {name} parameter.",
    "api.context.invalid_url_param.app_error": "Invalid or missing {name} parameter in request URL.",
    "api.context.permissions.app_error": "You do not have the appropriate permissions.",
    "api.context.request_body_too_large.app_error": "Request body too large.",
    "api.context.session_expired.app_error": "Invalid or expired session, please login again.",
    "api.post.create_post.can_not_post_to_deleted.error": "Can not post to deleted channel.",
    "api.post.create_post.channel_root_id.app_error": "Invalid ChannelId for RootId parameter.",
    "api.post.create_post.root_id.app_error": "Invalid RootId parameter.",
    "api.post.create_post.silent_persistent_notification.app_error": (
        "A post cannot be silent and have persistent notifications."
    ),
    "api.post.create_webhook_post.creating.app_error": "Error creating post.",
    "api.post.deduplicate_create_post.failed_to_get": (
        "Failed to fetch original post after deduplicating a client repeating the same request."
    ),
    "api.post.deduplicate_create_post.pending": "Rejected post since another client is making the same request.",
    "api.post.delete_post.can_not_delete_post_in_deleted.error": "Can not delete a post in a deleted channel.",
    "api.post.do_action.action_id.app_error": "Invalid action id.",
    "api.post.do_action.action_integration.app_error": "Action integration error.",
    "api.post.patch_post.can_not_update_post_in_deleted.error": "Can not update a post in a deleted channel.",
    "api.post.post_priority.max_recipients_persistent_notification_post.request_error": (
        "Persistent notification post is allowed to have at most {max} recipients."
    ),
    "api.post.post_priority.min_recipients_persistent_notification_post.request_error": (
        "Persistent notification post must have recipients mentioned."
    ),
    "api.post.post_priority.priority_post_not_allowed_for_user.request_error": (
        "User is not allowed to create a priority or persistent notification post."
    ),
    "api.post.post_priority.priority_post_only_allowed_for_root_post.request_error": (
        "Only root posts may have priority."
    ),
    "api.post.post_priority.urgent_persistent_notification_post.request_error": (
        "Persistent notifications posts are only allowed if urgent."
    ),
    "api.post.update_post.can_not_update_post_in_deleted.error": "Can not update a post in a deleted channel.",
    "api.post.update_post.permissions_time_limit.app_error": "Post edit is only allowed for {limit} seconds.",
    "api.reaction.save.archived_channel.app_error": "You cannot react in an archived channel.",
    "api.reaction.save_reaction.user_id.app_error": "You cannot save reaction for the other user.",
    "app.channel.get.existing.app_error": "Unable to find the existing channel.",
    "app.channel.get_by_name.missing.app_error": "Channel does not exist.",
    "app.post.get.app_error": "Unable to get the post.",
    "app.post.save.app_error": "Unable to save the Post.",
    "app.post.update.app_error": "Unable to update the Post.",
    "app.team.get_by_name.missing.app_error": "Unable to find the existing team.",
    "app.user.get_by_username.app_error": (
        "Unable to find an existing account matching your username for this team. This team may require an invite "
        "from the team owner to join."
    ),
    "app.user.missing_account.const": "Unable to find the user.",
    "license_error.feature_unavailable": "Feature is not available for the current license.",
    "model.incoming_hook.parse_data.app_error": "Unable to parse incoming data.",
    "model.post.is_valid.message_length.app_error": (
        "Post Message property is longer than the maximum permitted length."
    ),
    "model.post.is_valid.msg.app_error": "Invalid message.",
    "model.post.is_valid.props.app_error": "Invalid props.",
    "model.reaction.is_valid.emoji_name.app_error": "Invalid emoji name.",
    "web.incoming_webhook.channel.app_error": "Couldn't find the channel.",
    "web.incoming_webhook.channel_locked.app_error": (
        "This webhook is not permitted to post to the requested channel {channel_id}"
    ),
    "web.incoming_webhook.decode.app_error": (
        "Failed to decode the payload of media type {media_type} for incoming webhook {hook_id}."
    ),
    "web.incoming_webhook.disabled.app_error": "Incoming webhooks have been disabled by the system admin.",
    "web.incoming_webhook.general.app_error": (
        "Failed to handle the payload of media type {media_type} for incoming webhook {hook_id}."
    ),
    "web.incoming_webhook.invalid.app_error": "Invalid webhook.",
    "web.incoming_webhook.parse_multipart.app_error": "Failed to parse multipart form for webhook {hook_id}.",
    "web.incoming_webhook.permissions.app_error": (
        "User {user} does not have appropriate permissions to channel {channel}"
    ),
    "web.incoming_webhook.split_props_length.app_error": "Unable to split webhook props into {max} character parts.",
    "web.incoming_webhook.text.app_error": "No text specified.",
    "web.incoming_webhook.user.app_error": "Couldn't find the user {user}",
}


_TEXTS_OF_5 = {
    "web.incoming_webhook.channel_locked.app_error": "This webhook is not permitted to post to the requested channel.",
    "web.incoming_webhook.permissions.app_error": "Inappropriate channel permissions.",
    "web.incoming_webhook.user.app_error": "Couldn't find the user.",
}
"""Texts that say less in servers 5."""


class AppError(Exception):
    """A refusal, with the server's id for it and the HTTP status; ``params`` fill in the message."""

    def __init__(self, id: str, status: int, *, detail: str = "", **params: object) -> None:  # noqa: A002 - its name
        self.id = id
        self.status = status
        self.detail = detail
        self.message = _TEXTS[id].format(**params)
        super().__init__(self.message)

    def reply(self, request_id: str, settings: Settings) -> Reply:
        """The body a server answers with."""
        body = {
            "id": self.id,
            "message": _TEXTS_OF_5.get(self.id, self.message) if settings.is_of_5 else self.message,
            "detailed_error": self.detail if settings.developer else "",
            "request_id": request_id,
            "status_code": self.status,
        }
        is_unknown_call = settings.is_of_5 and self.id == "api.context.404.app_error"
        if is_unknown_call:
            del body["request_id"]
        return Reply(self.status, json.dumps(body).encode(), _PLAIN if is_unknown_call else JSON)


def wrap_error(cause: AppError, *, hook_id: str, media_type: str, decoding: bool) -> AppError:
    """What newer servers make of a webhook error: one general id, the cause only as detail."""
    kind = "decode" if decoding else "general"
    return AppError(
        f"web.incoming_webhook.{kind}.app_error",
        cause.status,
        detail=f"{cause.message}, {cause.detail}" if cause.detail else cause.message,
        media_type=media_type,
        hook_id=hook_id,
    )
