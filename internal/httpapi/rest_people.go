package httpapi

import (
	"context"
	"net/http"

	"flashwarden/api"
)

// userList is all users.
type userList struct {
	Users []api.User `json:"users"`
}

// tokenList is all tokens.
type tokenList struct {
	Tokens []api.Token `json:"tokens"`
}

// credentialList is all credentials.
type credentialList struct {
	Credentials []api.Credential `json:"credentials"`
}

// userSettings is a change of a user whose name stands in the path.
type userSettings struct {
	Role     api.Role `json:"role,omitempty"`
	Password string   `json:"password,omitempty"`
}

func (r *resources) people() {
	resource(r, http.MethodGet, "/users", "The users of the page", func(ctx context.Context, _ *struct{}) (*body[userList], error) {
		users, err := r.warden.Users(ctx)
		return bodyOf(userList{append([]api.User{}, users...)}, err)
	})
	resource(r, http.MethodPost, "/users", "Add a user", func(ctx context.Context, in *struct{ Body api.UserChange }) (*body[api.User], error) {
		return bodyOf(r.warden.AddUser(ctx, in.Body))
	}, answers(http.StatusCreated))
	resource(r, http.MethodPatch, "/users/{name}", "Change the role or the password of a user", func(ctx context.Context, in *struct {
		Named
		Body userSettings
	}) (*body[api.User], error) {
		return bodyOf(r.warden.EditUser(ctx, api.UserChange{Name: in.Name, Role: in.Body.Role, Password: in.Body.Password}))
	})
	resource(r, http.MethodDelete, "/users/{name}", "Remove a user", func(ctx context.Context, in *Named) (*struct{}, error) {
		_, err := r.warden.RemoveUser(ctx, api.Named{Name: in.Name})
		return nil, failed(err)
	})
	resource(r, http.MethodGet, "/tokens", "The tokens, without their secrets", func(ctx context.Context, _ *struct{}) (*body[tokenList], error) {
		tokens, err := r.warden.Tokens(ctx)
		return bodyOf(tokenList{append([]api.Token{}, tokens...)}, err)
	})
	resource(r, http.MethodPost, "/tokens", "Make a token; only this answer has its secret", func(ctx context.Context, in *struct{ Body api.NewToken }) (*body[api.IssuedToken], error) {
		return bodyOf(r.warden.AddToken(ctx, in.Body))
	}, answers(http.StatusCreated))
	resource(r, http.MethodDelete, "/tokens/{name}", "Remove a token", func(ctx context.Context, in *Named) (*struct{}, error) {
		_, err := r.warden.RemoveToken(ctx, api.Named{Name: in.Name})
		return nil, failed(err)
	})
	resource(r, http.MethodGet, "/credentials", "The credentials, without their secrets", func(ctx context.Context, _ *struct{}) (*body[credentialList], error) {
		all, err := r.warden.Credentials(ctx)
		return bodyOf(credentialList{append([]api.Credential{}, all...)}, err)
	})
	resource(r, http.MethodPost, "/credentials", "Add a credential, or change the given settings of one", func(ctx context.Context, in *struct{ Body api.CredentialChange }) (*body[api.Credential], error) {
		return bodyOf(r.warden.SetCredential(ctx, in.Body))
	})
	resource(r, http.MethodDelete, "/credentials/{name}", "Remove a credential that no device uses", func(ctx context.Context, in *Named) (*struct{}, error) {
		_, err := r.warden.RemoveCredential(ctx, api.Named{Name: in.Name})
		return nil, failed(err)
	})
	resource(r, http.MethodGet, "/audit", "Who changed what, the newest line first", func(ctx context.Context, in *Paged) (*body[api.Audit], error) {
		return bodyOf(r.warden.Audit(ctx, api.AuditSelect{Cursor: in.Cursor, Limit: in.Limit}))
	})
}
